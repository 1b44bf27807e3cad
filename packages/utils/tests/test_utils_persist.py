# SPDX-License-Identifier: BSD-3-Clause
"""Models in files: what goes in comes out, nothing runs, nothing is half written."""

from __future__ import annotations

import builtins
import io
import json
import math
import os
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from byhand.utils.npz_file import read_npz, write_npz
from byhand.utils.persist import ModelFormatError, load, save
from byhand.utils.safetensors_file import read_safetensors, write_safetensors

ENDINGS = [".npz", ".safetensors"]


def learned() -> dict[str, Any]:
    return {
        "weights_": np.array([0.5, -1.0]),
        "turned_": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big_endian_": np.arange(4, dtype=">i4"),
        "single_": np.array([1.5, np.nan, np.inf], dtype=np.float32),
        "flags_": np.array([True, False]),
        "nothing_": np.zeros((0, 3)),
        "zero_d_": np.array(2.5),
        "number_": np.float64(0.1),
        "count_": 12345678901234567890123,
        "history_": [-3.5, -2.25, math.inf],
        "labels_": np.array(["a", "\ud800 lone", "naïve\x00 "], dtype=object),
        "texts_": np.array([["x", ""], ["longer", "ü"]]),
        "word_": np.str_("w"),
        "mixed_": ("a", (1, None), {"k": [True], 3: "three"}),
    }


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        same = np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        return type(b) is np.ndarray and same and a.dtype.newbyteorder("=") == b.dtype
    return type(a) is type(b) and bool(a == b)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", sorted(learned()))
def test_a_learned_value_comes_back_with_its_type(
    toy: Any, tmp_path: Path, ending: str, name: str
) -> None:
    model = toy.Net().fit(np.zeros((2, 2)), **{"weights_": np.zeros(2), name: learned()[name]})
    save(model, tmp_path / f"m{ending}")
    assert equal(learned()[name], vars(load(tmp_path / f"m{ending}"))[name])


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_loaded_model_predicts_the_same_bits(toy: Any, tmp_path: Path, ending: str) -> None:
    X = np.random.default_rng(0).normal(size=(9, 2))
    model = toy.Net(size=7, options={"a": [1, (2,)]}).fit(X, weights_=np.array([0.1, 0.7]))
    save(model, tmp_path / f"m{ending}")
    again = load(tmp_path / f"m{ending}")
    assert np.array_equal(model.predict(X), again.predict(X))
    assert again.get_params() == model.get_params()
    assert again.weights_.flags.writeable


@pytest.mark.parametrize("ending", ENDINGS)
def test_models_and_records_inside_a_model_come_back(toy: Any, tmp_path: Path, ending: str) -> None:
    node = toy.Node(np.arange(3), toy.Span(0.5, math.nan))
    inner = toy.Net().fit(np.zeros((1, 1)), weights_=np.ones(1))
    model = toy.Net(base=toy.Net(size=1)).fit(
        np.zeros((1, 2)), weights_=np.ones(2), node_=node, parts_=[inner]
    )
    save(model, tmp_path / f"m{ending}")
    again = load(tmp_path / f"m{ending}")
    assert again.base.size == 1
    assert type(again.node_) is toy.Node
    assert type(again.node_.right) is toy.Span
    assert math.isnan(again.node_.right.high)
    assert np.array_equal(again.parts_[0].weights_, [1.0])


def test_an_unfitted_model_comes_back_unfitted(toy: Any, tmp_path: Path) -> None:
    save(toy.Net(size=2), tmp_path / "m.npz")
    assert vars(load(tmp_path / "m.npz")) == vars(toy.Net(size=2))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (len, "builtin_function"),
        (np.random.default_rng(0), "Generator"),
        ({1}, "set"),
        (1j, "comp"),
    ],
)
def test_what_no_file_can_hold_is_refused_with_its_place(
    toy: Any, tmp_path: Path, value: Any, kind: str
) -> None:
    model = toy.Net(options={"a": [0, value]})
    with pytest.raises(TypeError, match=rf"model\.options\.a\.1 is a {kind}"):
        save(model, tmp_path / "m.npz")
    assert not list(tmp_path.glob("*m.npz*"))


def test_a_model_that_holds_itself_is_refused(toy: Any, tmp_path: Path) -> None:
    model = toy.Net()
    model.options = {"me": model}
    with pytest.raises(TypeError, match="holds itself"):
        save(model, tmp_path / "m.npz")


def test_a_class_that_is_not_public_is_refused(toy: Any, tmp_path: Path) -> None:
    class Own(toy.Net):  # type: ignore[misc]
        pass

    with pytest.raises(TypeError, match="Own, which is no public class of a byhand package"):
        save(Own(), tmp_path / "m.npz")
    with pytest.raises(TypeError, match="Hidden, which is no public class"):
        save(toy.Net(options=toy.Hidden(1)), tmp_path / "m.npz")


@pytest.mark.parametrize("path", ["m", "m.pkl", "m.npz.txt"])
def test_another_ending_is_refused(toy: Any, tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match=r"path must end in \.npz or \.safetensors"):
        save(toy.Net(), tmp_path / path)


def files_with(document: Any, arrays: dict[str, Any] | None = None) -> list[bytes]:
    """Write a document of one's own as both kinds of file."""
    text = json.dumps(document)
    arrays = arrays or {}
    npz = write_npz(arrays, text.encode())
    return [b"".join(npz), b"".join(write_safetensors(arrays, {"byhand": text}))]


def net(**changes: Any) -> dict[str, Any]:
    plain = {"params": {"size": 3, "base": None, "options": None}, "learned": {}}
    return {"byhand": 1, "model": {"estimator": "byhand.toy.Net", **plain, **changes}}


BAD_DOCUMENTS = {
    "a class of the standard library": net(estimator="builtins.eval"),
    "a class outside of byhand": net(estimator="numpy.ma.MaskedArray"),
    "a module of byhand": net(estimator="byhand.utils.persist.save"),
    "a function of byhand": net(estimator="byhand.utils.save"),
    "a class not in __all__": net(estimator="byhand.toy.Hidden"),
    "a record that is no estimator": net(estimator="byhand.toy.Node"),
    "a package that is not installed": net(estimator="byhand.nosuch.Model"),
    "a private module": net(estimator="byhand._x.Model"),
    "an unknown parameter": net(params={"nonsense": 1}),
    "an attribute that is not learned": net(learned={"fit": 1}),
    "a dunder": net(learned={"__class__": 1}),
    "an array that is not there": net(learned={"weights_": {"array": "a0"}}),
    "what predict would choke on": net(learned={"weights_": None, "n_features_in_": 2}),
    "an unknown kind": net(learned={"x_": {"code": "print(1)"}}),
    "two kinds at once": net(learned={"x_": {"tuple": [], "array": "a0"}}),
    "a tuple of no list": net(learned={"x_": {"tuple": 3}}),
    "a dictionary key that cannot be hashed": net(learned={"x_": {"dict": [[[], 1]]}}),
    "a dictionary entry of three": net(learned={"x_": {"dict": [[1, 2, 3]]}}),
    "a key twice": net(learned={"x_": {"dict": [[1, 2], [1, 3]]}}),
    "texts padded beyond reason": net(
        learned={"x_": {"array": ["a" * 5000] + [""] * 99, "dtype": "str", "shape": [100]}}
    ),
    "a shape that does not fit": net(
        learned={"x_": {"array": ["a"], "dtype": "str", "shape": [2, 3]}}
    ),
    "an array of models": net(
        learned={"x_": {"array": [net()["model"]], "dtype": "object", "shape": [1]}}
    ),
    "another version": {**net(), "byhand": 2},
    "a version that is true": {**net(), "byhand": True},
    "no model": {"byhand": 1, "model": [1, 2]},
    "something else": [1],
    "more beside it": {**net(), "more": 1},
}


@pytest.mark.parametrize("kind", [0, 1], ids=ENDINGS)
@pytest.mark.parametrize("name", sorted(BAD_DOCUMENTS))
def test_a_document_that_is_no_model_is_refused(
    toy: Any, tmp_path: Path, name: str, kind: int
) -> None:
    path = tmp_path / "m"
    path.write_bytes(files_with(BAD_DOCUMENTS[name])[kind])
    with pytest.raises(ModelFormatError):
        load(path)


@pytest.mark.parametrize("kind", [0, 1], ids=ENDINGS)
def test_an_array_that_belongs_to_nothing_is_refused(toy: Any, tmp_path: Path, kind: int) -> None:
    path = tmp_path / "m"
    path.write_bytes(files_with(net(), {"spare": np.ones(2)})[kind])
    with pytest.raises(ModelFormatError, match="belong to nothing"):
        load(path)


def npz_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that stands twice
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def npy(array: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, **options)
    return out.getvalue()


def claim(shape: bytes, descr: bytes = b"<f8", data: bytes = b"") -> bytes:
    header = b"{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n" % (descr, shape)
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


META = ("metadata.json", b"{}")


@pytest.mark.parametrize(
    "file",
    {
        "pickle": npz_of(META, ("a.npy", npy(np.array([{}], dtype=object), allow_pickle=True))),
        "traversal": npz_of(META, ("../a.npy", npy(np.ones(2)))),
        "absolute": npz_of(META, ("/a.npy", npy(np.ones(2)))),
        "twice": npz_of(META, ("a.npy", npy(np.ones(2))), ("a.npy", npy(np.ones(2)))),
        "bomb": npz_of(META, ("a.npy", npy(np.zeros(10**6))), method=zipfile.ZIP_DEFLATED),
        "no metadata": npz_of(("a.npy", npy(np.ones(2)))),
        "no array": npz_of(META, ("a.txt", b"text")),
        "version 2": npz_of(META, ("a.npy", npy(np.ones(2), version=(2, 0)))),
        "too little": npz_of(META, ("a.npy", npy(np.ones(9))[:-1])),
        "too much": npz_of(META, ("a.npy", npy(np.ones(9)) + b"\0")),
        "huge claim": npz_of(META, ("a.npy", claim(b"99999999999,99999999999,"))),
        "overflowing claim": npz_of(META, ("a.npy", claim(b"4611686018427387904,4,"))),
        "code in the header": npz_of(META, ("a.npy", claim(b"__import__('os').getpid(),"))),
        "objects": npz_of(META, ("a.npy", claim(b"1,", b"|O8", b"\0" * 8))),
        "third boolean": npz_of(META, ("a.npy", claim(b"1,", b"|b1", b"\2"))),
        "huge beside empty": npz_of(META, ("a.npy", claim(b"0,4611686018427387904,99,"))),
        "prefix": b"PKxx" + npz_of(META),
        "suffix": npz_of(META) + b"x",
        "comment": npz_of(META)[:-2] + b"\1\0x",
        "empty zip": npz_of(),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_an_npz_that_we_do_not_write_is_refused(file: tuple[str, bytes]) -> None:
    with pytest.raises(ModelFormatError):
        read_npz(file[1])


def tensors(header: Any, data: bytes = b"", size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + data


def entry(dtype: str, shape: list[Any], *offsets: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    "file",
    {
        "empty": b"",
        "short": b"1234567",
        "longer header": tensors({}, size=10**6),
        "endless header": tensors({}, size=2**63),
        "no object": tensors([]),
        "no JSON": tensors(b"{"),
        "no UTF-8": tensors(b'{"\xff": 1}'),
        "NaN": tensors(b'{"__metadata__": NaN}'),
        "key twice": tensors(b'{"a": 1, "a": 1}'),
        "deep": tensors(b"[" * 100_000),
        "long number": tensors(b'{"a": ' + b"9" * 10_000 + b"}"),
        "metadata of numbers": tensors({"__metadata__": {"a": 1}}),
        "entry of no object": tensors({"a": 1}),
        "entry with more": tensors({"a": {**entry("U8", [1], 0, 1), "more": 1}}, b"1"),
        "dtype of no text": tensors({"a": {**entry("U8", [1], 0, 1), "dtype": ["U8"]}}, b"1"),
        "unknown dtype": tensors({"a": entry("F99", [1], 0, 1)}, b"1"),
        "negative": tensors({"a": entry("U8", [-1], 0, -1)}, b"1"),
        "float shape": tensors({"a": entry("U8", [1.0], 0, 1)}, b"1"),
        "boolean shape": tensors({"a": entry("U8", [True], 0, 1)}, b"1"),
        "wrong size": tensors({"a": entry("F32", [1], 0, 1)}, b"1"),
        "overflowing size": tensors({"a": entry("U8", [2**62, 4], 0, 0)}),
        "three offsets": tensors({"a": entry("U8", [1], 0, 1, 2)}, b"12"),
        "behind the file": tensors({"a": entry("U8", [5], 0, 5)}, b"1"),
        "gap": tensors({"a": entry("U8", [1], 1, 2)}, b"12"),
        "overlap": tensors({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 1, 3)}, b"123"),
        "rest": tensors({"a": entry("U8", [1], 0, 1)}, b"12"),
        "third boolean": tensors({"a": entry("BOOL", [1], 0, 1)}, b"\2"),
        "33 axes": tensors({"a": entry("U8", [1] * 65, 0, 1)}, b"1"),
        "huge beside empty": tensors({"a": entry("U8", [0, 2**62, 2**62], 0, 0)}),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_a_broken_safetensors_file_is_refused(file: tuple[str, bytes]) -> None:
    with pytest.raises(ModelFormatError):
        read_safetensors(file[1])


def test_bfloat16_is_read_as_float32() -> None:
    halves = np.array([1.5, -2.0, 1e30], dtype=np.float32).view(np.uint32) >> 16
    file = tensors({"a": entry("BF16", [3], 0, 6)}, halves.astype("<u2").tobytes())
    assert np.allclose(
        read_safetensors(file)[0]["a"], [1.5, -2.0, 1e30], rtol=2**-7, atol=0
    )  # cut, not rounded


def test_numpy_reads_our_npz(toy: Any, tmp_path: Path) -> None:
    model = toy.Net().fit(np.zeros((1, 2)), weights_=np.array([0.25, 0.5]))
    save(model, tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as file:
        assert np.array_equal(file["a0"], [0.25, 0.5])


class Failing:
    """A file that refuses the n-th byte, as a full disk does."""

    def __init__(self, file: Any, room: int) -> None:
        self.file, self.room = file, room

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()

    def writelines(self, parts: Any) -> None:
        for data in parts:
            self.file.write(bytes(data)[: max(self.room, 0)])
            self.room -= len(data)
            if self.room < 0:
                raise OSError(28, "No space left on device")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_write_that_fails_at_any_byte_leaves_the_old_file(
    toy: Any, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"m{ending}"
    save(toy.Net(size=1), path)
    old, real, failed = path.read_bytes(), builtins.open, 0
    for room in range(10_000):
        with monkeypatch.context() as patch:
            patch.setattr(builtins, "open", lambda *a, n=room: Failing(real(*a), n))
            try:
                save(toy.Net(size=2), path)
            except OSError:
                failed += 1
            else:
                break
        assert path.read_bytes() == old
        assert [p.name for p in tmp_path.iterdir() if p.is_file()] == [path.name]
    assert failed == len(path.read_bytes())
    assert load(path).size == 2


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_at_the_end_leaves_the_old_file(
    toy: Any, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "m.npz"
    save(toy.Net(size=1), path)
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(KeyboardInterrupt):
        save(toy.Net(size=2), path)
    assert load(path).size == 1
    assert len([p for p in tmp_path.iterdir() if p.is_file()]) == 1


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_saving_through_a_link_keeps_the_link(toy: Any, tmp_path: Path) -> None:
    save(toy.Net(size=1), tmp_path / "real.npz")
    (tmp_path / "link.npz").symlink_to(tmp_path / "real.npz")
    save(toy.Net(size=2), tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink()
    assert load(tmp_path / "real.npz").size == 2


def test_the_error_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(ModelFormatError("broken")))
    assert (type(again), str(again)) == (ModelFormatError, "broken")


def test_the_same_model_gives_the_same_bytes(toy: Any, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save(toy.Net().fit(np.zeros((1, 2)), weights_=np.ones(2)), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
