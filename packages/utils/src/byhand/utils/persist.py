# SPDX-License-Identifier: BSD-3-Clause
"""Save and load fitted models as files in which nothing can run.

Source:  safetensors and NPY formats; the atomic write is that of POSIX rename(2).
Differs: no pickle. A class is found by its public name among the installed byhand packages alone;
         a file is read whole and checked before any of it becomes a model.
Cost:    about three times the size of the file in memory.
Checked: every estimator's predictions before and after; a million mutated files raise
         ModelFormatError alone; a write that fails at any byte leaves the old file whole.
"""
# tree: a value as JSON; what JSON lacks is an object that begins with its kind: {"array": "a3"}
# arrays: the arrays that the tree names

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .npz_file import read_npz, write_npz
from .safetensors_file import ModelFormatError, parse_json, read_safetensors, write_safetensors

__all__ = ["ModelFormatError", "load", "save"]

PUBLIC_NAME = re.compile(r"byhand\.([a-z]+)\.([A-Z][A-Za-z0-9]*)")
LEARNED = re.compile(r"[A-Za-z][A-Za-z0-9_]*_")
FORMAT_VERSION = 1
DEEPEST = 50  # levels of values in values


def save(model: object, path: str | os.PathLike[str]) -> None:
    """Write a model to a file, whole or not at all.

    Parameters
    ----------
    model : estimator of a byhand package
        Its hyper-parameters and what it has learned are saved.
    path : str or path
        Ends in ``.npz`` or ``.safetensors``, which chooses the format. A file that is there is
        replaced in one step.

    Raises
    ------
    TypeError
        If the model is not of a public byhand class, or holds something that a file cannot hold
        (a function, an open file, a random Generator); the message says where.
    ValueError
        For another ending of path.

    Examples
    --------
    >>> save([1, 2], "list.npz")
    Traceback (most recent call last):
    TypeError: model is a list: only estimators can be saved
    """
    path = Path(os.path.realpath(path))
    if path.suffix not in {".npz", ".safetensors"}:
        raise ValueError(f"path must end in .npz or .safetensors, got {path.name!r}")
    if not hasattr(model, "get_params"):
        raise TypeError(f"model is a {type(model).__name__}: only estimators can be saved")
    arrays: dict[str, NDArray[Any]] = {}
    tree = _encode(model, "model", arrays, 0)
    text = json.dumps({"byhand": FORMAT_VERSION, "model": tree}, allow_nan=False)
    if path.suffix == ".npz":
        parts = write_npz(arrays, text.encode())
    else:
        parts = write_safetensors(arrays, {"byhand": text})
    _write_whole(path, parts)


def load(path: str | os.PathLike[str]) -> Any:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : str or path
        Either format, whatever the name.

    Returns
    -------
    The model, of the class that was saved.

    Raises
    ------
    ModelFormatError
        If the file is damaged, is no byhand model, or needs a package that is not installed.
        Nothing of the file has been run.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.npz")
    ...     _ = path.write_bytes(b"not a model")
    ...     load(path)
    Traceback (most recent call last):
    byhand.utils.safetensors_file.ModelFormatError: not a safetensors file: ...
    """
    return _model_of(Path(path).read_bytes())


def _model_of(file: bytes) -> Any:
    if file.startswith(b"PK"):
        arrays, text = read_npz(file)
    else:
        arrays, metadata = read_safetensors(file)
        text = metadata.get("byhand", "").encode("utf-8", "surrogatepass")
    document = parse_json(text)
    if not isinstance(document, dict) or set(document) != {"byhand", "model"}:
        raise ModelFormatError("it says nothing of a byhand model")
    if document["byhand"] != FORMAT_VERSION or type(document["byhand"]) is not int:
        raise ModelFormatError(f"format version {FORMAT_VERSION} is read, it has another one")
    model = _decode(document["model"], arrays, 0)
    if arrays:
        raise ModelFormatError("arrays that belong to nothing in the model")
    if not hasattr(model, "get_params"):
        raise ModelFormatError("what it holds is no model")
    return model


def _encode(value: Any, where: str, arrays: dict[str, NDArray[Any]], depth: int) -> Any:
    """Turn a value into JSON; put its arrays aside."""
    if depth > DEEPEST:
        raise TypeError(f"{where} is nested too deeply for a file, or holds itself")

    def inside(values: Iterable[tuple[Any, Any]]) -> list[Any]:
        return [_encode(v, f"{where}.{key}", arrays, depth + 1) for key, v in values]

    if value is None or type(value) in {bool, int, str}:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if type(value) is list:
        return inside(enumerate(value))
    if type(value) is tuple:
        return {"tuple": inside(enumerate(value))}
    if type(value) is dict:
        keys = [_encode(key, f"a key of {where}", arrays, depth + 1) for key in value]
        return {"dict": [list(pair) for pair in zip(keys, inside(value.items()), strict=True)]}
    if isinstance(value, np.ndarray | np.generic):
        return _encode_array(value, where, arrays, depth)
    if hasattr(value, "get_params") and not isinstance(value, type):
        params = value.get_params(deep=False)
        learned = {k: v for k, v in vars(value).items() if LEARNED.fullmatch(k)}
        return {
            "estimator": _public_name(value, where),
            "params": dict(zip(params, inside(params.items()), strict=True)),
            "learned": dict(zip(learned, inside(learned.items()), strict=True)),
        }
    if hasattr(value, "_fields") or (is_dataclass(value) and not isinstance(value, type)):
        named = {name: getattr(value, name) for name in _field_names(value)}
        return {
            "record": _public_name(value, where),
            "fields": dict(zip(named, inside(named.items()), strict=True)),
        }
    raise TypeError(f"{where} is a {type(value).__name__}, which no file can hold")


def _encode_array(value: Any, where: str, arrays: dict[str, NDArray[Any]], depth: int) -> Any:
    array = np.asarray(value)
    kind = "scalar" if isinstance(value, np.generic) else "array"
    if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
        name = f"a{len(arrays)}"
        arrays[name] = array
        return {kind: name}
    if array.dtype.kind in "UO":
        values = [_encode(v, where, arrays, depth + 1) for v in array.ravel().tolist()]
        dtype = "str" if array.dtype.kind == "U" else "object"
        return {kind: values, "dtype": dtype, "shape": list(array.shape)}
    raise TypeError(f"{where} is an array of {array.dtype}, which no file can hold")


def _decode(tree: Any, arrays: dict[str, NDArray[Any]], depth: int) -> Any:
    """Undo `_encode`, taking from arrays what the tree names."""
    if depth > 2 * DEEPEST:
        raise ModelFormatError("nested too deeply")

    def inside(values: Any) -> list[Any]:
        if not isinstance(values, list):
            raise ModelFormatError("a list was expected")
        return [_decode(v, arrays, depth + 1) for v in values]

    def named(values: Any) -> dict[str, Any]:
        if not isinstance(values, dict):
            raise ModelFormatError("a mapping was expected")
        return dict(zip(values, inside(list(values.values())), strict=True))

    if isinstance(tree, list):
        return inside(tree)
    if not isinstance(tree, dict):
        return tree
    match tree:
        case {"float": "nan" | "inf" | "-inf" as text, **rest} if not rest:
            return float(text)
        case {"tuple": values, **rest} if not rest:
            return tuple(inside(values))
        case {"dict": pairs, **rest} if not rest and isinstance(pairs, list):
            return _decode_dict([inside(pair) for pair in pairs])
        case {"array": str(name), **rest} if not rest and name in arrays:
            return arrays.pop(name)
        case {"scalar": str(name), **rest} if not rest and name in arrays:
            return _only_element(arrays.pop(name))
        case {"array": list(values), "dtype": dtype, "shape": shape, **rest} if not rest:
            return _decode_objects(inside(values), dtype, shape)
        case {"scalar": list(values), "dtype": "str", "shape": [], **rest} if not rest:
            return _only_element(_decode_objects(inside(values), "str", []))
        case {"estimator": str(name), "params": params, "learned": learned, **rest} if not rest:
            return _decode_estimator(name, named(params), named(learned))
        case {"record": str(name), "fields": values, **rest} if not rest:
            return _decode_record(name, named(values))
    raise ModelFormatError("a value of a kind that no model holds")


def _decode_dict(pairs: list[list[Any]]) -> dict[Any, Any]:
    try:
        made = {key: value for key, value in pairs}
    except (TypeError, ValueError):
        raise ModelFormatError("a dictionary needs pairs of a key and a value") from None
    if len(made) < len(pairs):
        raise ModelFormatError("a key stands twice in a dictionary")
    return made


def _decode_objects(values: list[Any], dtype: Any, shape: Any) -> NDArray[Any]:
    plain = all(v is None or type(v) in {bool, int, float, str} for v in values)
    if dtype not in ("str", "object") or not plain or not isinstance(shape, list):
        raise ModelFormatError("an array of things that are neither numbers nor texts")
    if dtype == "str" and not all(type(v) is str for v in values):
        raise ModelFormatError("an array of texts that holds something else")
    if not all(type(n) is int and 0 <= n <= len(values) for n in shape) or len(shape) > 32:
        raise ModelFormatError("a shape must be a list of counts")
    if math.prod(shape) != len(values):
        raise ModelFormatError("a shape that does not fit the values")
    longest = max((len(v) for v in values if type(v) is str), default=1)
    if dtype == "str" and longest * len(values) > 1000 + 100 * sum(map(len, values)):
        raise ModelFormatError("texts of too unequal length")  # they would be padded to the longest
    return np.array(values, dtype=np.str_ if dtype == "str" else object).reshape(shape)


def _only_element(array: NDArray[Any]) -> Any:
    if array.shape != ():
        raise ModelFormatError("a scalar must be one number")
    return array[()]


def _decode_estimator(name: str, params: dict[str, Any], learned: dict[str, Any]) -> Any:
    cls = _public_class(name)
    odd = [key for key in learned if not LEARNED.fullmatch(key) or hasattr(cls, key)]
    if not hasattr(cls, "get_params") or odd:
        raise ModelFormatError(f"{name} is no estimator, or cannot have learned {odd}")
    try:
        model = cls(**params)
        vars(model).update(learned)
        check = getattr(model, "_check_loaded", None)
        if check is not None and learned:
            check()
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise ModelFormatError(f"{name}: {error}") from None
    return model


def _decode_record(name: str, values: dict[str, Any]) -> Any:
    cls = _public_class(name)
    if not hasattr(cls, "_fields") and not is_dataclass(cls):
        raise ModelFormatError(f"{name} is no record")
    try:
        return cls(**values)
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise ModelFormatError(f"{name}: {error}") from None


def _field_names(value: Any) -> list[str]:
    return list(getattr(value, "_fields", ())) or [field.name for field in fields(value)]


def _public_name(value: object, where: str) -> str:
    cls = type(value)
    name = ".".join([*cls.__module__.split(".")[:2], cls.__name__])
    try:
        if _public_class(name) is cls:
            return name
    except ModelFormatError:
        pass
    raise TypeError(
        f"{where} is a {cls.__qualname__}, which is no public class of a byhand package"
    )


def _public_class(name: str) -> Any:
    """Find a class by its public name; only byhand's own packages are ever imported."""
    parts = PUBLIC_NAME.fullmatch(name)
    if not parts:
        raise ModelFormatError("a class of another kind than byhand.family.Class")
    try:
        family = importlib.import_module(f"byhand.{parts[1]}")
    except ModuleNotFoundError:
        raise ModelFormatError(f"{name} needs byhand-{parts[1]}, which is not installed") from None
    if parts[2] not in getattr(family, "__all__", ()):
        raise ModelFormatError(f"{name} is no public name of byhand-{parts[1]}")
    return getattr(family, parts[2])


def _write_whole(path: Path, parts: list[bytes]) -> None:
    """Write beside the file, flush it to the disk, then rename: old or new, never half."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(beside, "xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
