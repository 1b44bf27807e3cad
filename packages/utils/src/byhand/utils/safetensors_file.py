# SPDX-License-Identifier: BSD-3-Clause
"""The safetensors format: named arrays behind a JSON header, with nothing in it that can run.

Source:  the format's description (huggingface/safetensors, README, "Format").
Differs: stricter when reading: arrays must fill the file without gap, overlap or rest, keys must
         be unique. bfloat16 is read as float32, as NumPy has none. Arrays come in C order.
Cost:    one copy of the file in memory, and one of the arrays.
Checked: the official `safetensors` package, both ways; a million mutated files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

__all__ = ["ModelFormatError", "parse_json", "read_safetensors", "write_safetensors"]

SAFETENSORS_DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
LARGEST_HEADER = 100_000_000  # bytes, as the official reader


class ModelFormatError(ValueError):
    """A file that is not a whole and well-formed model."""


def write_safetensors(
    arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> list[bytes]:
    """Encode arrays as the parts of a safetensors file.

    Parameters
    ----------
    arrays : mapping of str to array
        Booleans, integers and floats of at most 64 bits, any memory order and byte order.
    metadata : mapping of str to str, optional
        Goes into the header.

    Returns
    -------
    list of bytes
        The file, in parts to be written one after the other.

    Raises
    ------
    TypeError
        For an array of another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> file = b"".join(write_safetensors({"w": np.array([1.0, 2.0])}))
    >>> read_safetensors(file)
    ({'w': array([1., 2.])}, {})
    """
    codes = {np.dtype(dtype): code for code, dtype in SAFETENSORS_DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    parts, end = [], 0
    for name, array in arrays.items():
        dtype = array.dtype.newbyteorder("<")
        if dtype not in codes:
            raise TypeError(f"safetensors has no dtype for {name!r}, which is {array.dtype}")
        data = np.ascontiguousarray(array, dtype).tobytes()
        offsets = [end, end := end + len(data)]
        header[name] = {"dtype": codes[dtype], "shape": array.shape, "data_offsets": offsets}
        parts.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the arrays begin at a multiple of 8 bytes
    return [len(text).to_bytes(8, "little"), text, *parts]


def read_safetensors(file: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Decode the bytes of a safetensors file.

    Parameters
    ----------
    file : bytes
        The whole file.

    Returns
    -------
    arrays : dict of str to array
        Writable copies, in the order of the header.
    metadata : dict of str to str

    Raises
    ------
    ModelFormatError
        If anything is not as the format says.

    Examples
    --------
    >>> read_safetensors(b"no model")
    Traceback (most recent call last):
    byhand.utils.safetensors_file.ModelFormatError: not a safetensors file: its header would ...
    """
    size = int.from_bytes(file[:8], "little")
    if len(file) < 8 or size > min(len(file) - 8, LARGEST_HEADER):
        raise ModelFormatError("not a safetensors file: its header would be longer than the file")
    header = parse_json(file[8 : 8 + size])
    if not isinstance(header, dict):
        raise ModelFormatError("the header is not a JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ModelFormatError("__metadata__ must map strings to strings")
    data = memoryview(file)[8 + size :]
    spans = {name: _safetensors_span(name, entry) for name, entry in header.items()}
    end = 0
    for begin, stop in sorted(span[2:] for span in spans.values()):
        if begin != end:
            raise ModelFormatError(f"a gap or an overlap of arrays at byte {end}")
        end = stop
    if end != len(data):
        raise ModelFormatError(f"arrays end at byte {end}, the file at {len(data)}")
    return {name: _safetensors_array(data, *span) for name, span in spans.items()}, metadata


def parse_json(text: bytes) -> Any:
    """Decode JSON as the standard has it: unique keys, no NaN, no endless nesting.

    Parameters
    ----------
    text : bytes
        UTF-8.

    Returns
    -------
    What it says.

    Raises
    ------
    ModelFormatError
        If it is not such JSON.

    Examples
    --------
    >>> parse_json(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    """
    try:
        return json.loads(
            text.decode("utf-8"), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant
        )
    except ModelFormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"the JSON in it is broken: {type(error).__name__}") from None


def _unique_keys(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    pairs = list(pairs)
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ModelFormatError("a key stands twice in one JSON object")
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise ModelFormatError(f"JSON has no {name}")


def _safetensors_span(name: str, entry: Any) -> tuple[str, list[int], int, int]:
    """Check one array's entry: its dtype, shape and place in the data."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ModelFormatError(f"array {name!r} needs dtype, shape and data_offsets alone")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    numbers = (
        [*shape, *offsets] if isinstance(shape, list) and isinstance(offsets, list) else [None]
    )
    if not all(type(n) is int and 0 <= n < 2**63 for n in numbers):
        raise ModelFormatError(f"array {name!r}: shape and data_offsets must be lists of counts")
    if len(offsets) != 2 or len(shape) > 32 or not isinstance(dtype, str):
        raise ModelFormatError(f"array {name!r}: two offsets, 32 axes at most and a dtype")
    if dtype != "BF16" and dtype not in SAFETENSORS_DTYPES:
        raise ModelFormatError(f"array {name!r} has a dtype that NumPy lacks")
    itemsize = 2 if dtype == "BF16" else np.dtype(SAFETENSORS_DTYPES[dtype]).itemsize
    if offsets[1] - offsets[0] != math.prod(shape) * itemsize:
        raise ModelFormatError(f"array {name!r}: shape and data_offsets disagree")
    return dtype, shape, offsets[0], offsets[1]


def _safetensors_array(
    data: memoryview, dtype: str, shape: list[int], begin: int, stop: int
) -> NDArray[Any]:
    if dtype == "BF16":  # the upper half of a float32
        upper = np.frombuffer(data[begin:stop], "<u2").astype(np.uint32)
        values: NDArray[Any] = (upper << 16).view(np.float32)
    else:
        raw = np.frombuffer(data[begin:stop], SAFETENSORS_DTYPES[dtype])
        if dtype == "BOOL" and raw.view(np.uint8).max(initial=0) > 1:
            raise ModelFormatError("a boolean that is neither 0 nor 1")
        values = raw.astype(raw.dtype.newbyteorder("="))
    try:
        return values.reshape(shape)
    except ValueError:  # a huge axis beside an empty one
        raise ModelFormatError(f"no array can have shape {shape}") from None
