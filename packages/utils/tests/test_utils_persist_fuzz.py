# SPDX-License-Identifier: BSD-3-Clause
"""Mutated files: the loader gives a model or ModelFormatError, soon, and nothing else.

BYHAND_FUZZ_FILES sets how many files are tried; the `fuzz` session tries a million.
"""

from __future__ import annotations

import json
import os
import random
import tracemalloc
from typing import Any

import numpy as np
import pytest

from byhand.utils.npz_file import write_npz
from byhand.utils.persist import ModelFormatError, _model_of
from byhand.utils.safetensors_file import write_safetensors

FILES = int(os.environ.get("BYHAND_FUZZ_FILES", "100000"))
TOKENS = [
    b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"99999999999999999999", b'"', b"{}", b"[]",
    b"[[", b"]]", b'"array"', b'"dict"', b'"tuple"', b'"estimator"', b'"byhand.toy.Node"',
    b'"byhand.utils.ModelFormatError"', b'"byhand.utils.PriorityQueue"', b'"weights_"', b'"a0"',
    b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff",
    b"\x93NUMPY", b"|O8", b"<U9", b"(2,)", b"(9999999999,)", b'"shape":[]', b'"F64"', b'"BF16"',
]  # fmt: skip


def model_text() -> str:
    learned = {
        "weights_": {"array": "a0"},
        "n_features_in_": 2,
        "labels_": {"array": ["x", "y"], "dtype": "str", "shape": [2]},
        "history_": [-1.5, {"float": "-inf"}],
        "node_": {"record": "byhand.toy.Node", "fields": {"left": {"tuple": []}, "right": None}},
        "options_": {"dict": [["k", {"scalar": "a1"}]]},
    }
    params = {"size": 3, "base": None, "options": None}
    model = {"estimator": "byhand.toy.Net", "params": params, "learned": learned}
    return json.dumps({"byhand": 1, "model": model})


def mutate(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << rng.randrange(8)
            case 1:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case 2:
                changed[at : at + rng.choice((0, 1, 4, 8))] = rng.choice(TOKENS)
            case 3:
                del changed[at : at + rng.choice((1, 2, 8, 64))]
            case 4:
                piece = changed[at : at + rng.choice((1, 4, 30))]
                into = rng.randrange(len(changed) + 1)
                changed[into:into] = piece
            case _:
                del changed[at:]
    return bytes(changed)


def attempt(file: bytes) -> bool:
    try:
        model = _model_of(file)
        model.predict(np.zeros((1, model.n_features_in_)))
    except ModelFormatError:
        return False
    except (AttributeError, ValueError) as error:  # an unfitted model cannot predict
        assert "n_features_in_" in str(error) or "not fitted" in str(error), file  # noqa: PT017
    return True


@pytest.mark.parametrize("inside", [False, True], ids=["bytes", "document"])
@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_a_mutated_file_is_a_model_or_a_format_error(toy: Any, ending: str, inside: bool) -> None:
    """Mutate the bytes of a file, or its text before it is wrapped as a whole file."""
    arrays = {"a0": np.array([0.5, -1.0]), "a1": np.array(3)}
    text = model_text().encode()

    def wrap(document: bytes) -> bytes:
        if ending == "npz":
            return b"".join(write_npz(arrays, document))
        return b"".join(
            write_safetensors(arrays, {"byhand": document.decode("utf-8", "surrogateescape")})
        )

    whole = wrap(text)
    assert attempt(whole)
    rng = random.Random(f"{ending} {inside}")
    alive = 0
    for i in range(FILES // 4):
        if i == 0 or i == 2000:  # tracing is slow: a part of the files is enough
            (tracemalloc.stop if i else tracemalloc.start)()
        alive += attempt(wrap(mutate(text, rng)) if inside else mutate(whole, rng))
        if i < 2000:
            peak = tracemalloc.get_traced_memory()[1]
            assert peak < 5e6, "a file of two kilobytes made the loader take megabytes"
    tracemalloc.stop()
    assert (alive > 0) == inside or alive < FILES // 4  # some documents still hold a model


def test_a_zip_with_a_wrong_checksum_is_refused() -> None:
    file = b"".join(write_npz({"a0": np.array([0.5, -1.0])}, model_text().encode()))
    at = file.index(np.float64(0.5).tobytes())
    with pytest.raises(ModelFormatError):
        _model_of(file[:at] + b"\x01" + file[at + 1 :])
