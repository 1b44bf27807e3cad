# SPDX-License-Identifier: BSD-3-Clause
"""The .npz format: named arrays and a JSON text in an uncompressed zip file.

Source:  NumPy, "numpy.lib.format" (NPY 1.0); PKWARE APPNOTE.TXT 6.3, sections 4.3-4.5.
Differs: reads only what `write_npz` writes (stored, not deflated), so that no member can be
         larger than the file; no pickle; nothing may stand between, before or after the members.
Cost:    one copy of the file in memory, and one of the arrays.
Checked: `numpy.load`, both ways; a million mutated files.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .safetensors_file import ModelFormatError

__all__ = ["read_npz", "write_npz"]

METADATA = "metadata.json"
NPY_MAGIC = b"\x93NUMPY\x01\x00"
NPY_HEADER = re.compile(
    rb"\{'descr': '([<|][biufc]\d{1,2})', 'fortran_order': (True|False),"
    rb" 'shape': \(([\d, ]{0,999})\), \} *\n"
)
LOCAL_HEADER = 30  # bytes of a zip member's header before its name
END_RECORD = 22  # bytes of a zip file's last record


def write_npz(arrays: Mapping[str, NDArray[Any]], metadata: bytes) -> list[bytes]:
    """Encode arrays and a text as the parts of an .npz file.

    Parameters
    ----------
    arrays : mapping of str to array
        Booleans and numbers, any memory order and byte order.
    metadata : bytes
        Becomes the member ``metadata.json``.

    Returns
    -------
    list of bytes
        The file, in parts to be written one after the other.

    Raises
    ------
    TypeError
        For an array of objects, strings or times.
    ValueError
        If there are more than 2 GiB, where zip files change their form.

    Examples
    --------
    >>> import numpy as np
    >>> read_npz(b"".join(write_npz({"w": np.array([1.0, 2.0])}, b"{}")))
    ({'w': array([1., 2.])}, b'{}')
    """
    if sum(array.nbytes for array in arrays.values()) + len(metadata) > 2**31 - 2**20:
        raise ValueError("more than 2 GiB of arrays: save as .safetensors")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        file.writestr(zipfile.ZipInfo(METADATA), metadata)
        for name, array in arrays.items():
            if array.dtype.kind not in "biufc":
                raise TypeError(f"no file holds {name!r}, which is of dtype {array.dtype}")
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            member = io.BytesIO()
            np.lib.format.write_array(member, little, version=(1, 0), allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getbuffer())
    return [out.getbuffer()]  # type: ignore[list-item]  # bytes-like


def read_npz(file: bytes) -> tuple[dict[str, NDArray[Any]], bytes]:
    """Decode the bytes of an .npz file that `write_npz` made.

    Parameters
    ----------
    file : bytes
        The whole file.

    Returns
    -------
    arrays : dict of str to array
        Writable copies, in the order of the file.
    metadata : bytes

    Raises
    ------
    ModelFormatError
        If anything is not as `write_npz` writes it.

    Examples
    --------
    >>> read_npz(b"no model")
    Traceback (most recent call last):
    byhand.utils.safetensors_file.ModelFormatError: not a zip file: ...
    """
    members = _npz_members(file)
    if METADATA not in members:
        raise ModelFormatError(f"there is no {METADATA} in it: not a model of byhand")
    metadata = members.pop(METADATA)
    if not all(name.endswith(".npy") for name in members):
        raise ModelFormatError("a member that is no array")
    return {name[:-4]: _npy_array(name, data) for name, data in members.items()}, metadata


def _npz_members(file: bytes) -> dict[str, bytes]:
    """Names and contents, after checking that they fill the file from its first byte on."""
    members: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            end = 0
            for info in archive.infolist():
                name, size = info.filename, info.file_size
                if info.header_offset != end or info.compress_type != zipfile.ZIP_STORED:
                    raise ModelFormatError("members must be stored, one right after the other")
                if not re.fullmatch(r"[A-Za-z0-9_.]{1,200}", name) or name in members:
                    raise ModelFormatError("a member's name is odd or stands twice")
                name_length = int.from_bytes(file[end + 26 : end + 28], "little")
                extra_length = int.from_bytes(file[end + 28 : end + LOCAL_HEADER], "little")
                end += LOCAL_HEADER + name_length + extra_length
                if info.compress_size != size or info.flag_bits or end + size > len(file):
                    raise ModelFormatError(f"member {name} is not where it says")
                members[name] = archive.read(info)  # compares the checksum
                end += size
            if end != archive.start_dir or archive.comment:
                raise ModelFormatError("bytes that belong to no member")
            records = sum(
                46 + len(i.filename) + len(i.extra) + len(i.comment) for i in archive.infolist()
            )
            if end + records + END_RECORD != len(file):
                raise ModelFormatError("bytes after the last record")
    except ModelFormatError:
        raise
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, TypeError, KeyError) as error:
        raise ModelFormatError(f"not a zip file: {type(error).__name__}") from None
    except (RuntimeError, OverflowError, IndexError) as error:
        raise ModelFormatError(f"not a plain zip file: {type(error).__name__}") from None
    return members


def _npy_array(name: str, data: bytes) -> NDArray[Any]:
    """Decode a .npy member, after checking its header against the bytes that are there."""
    begin = 10 + int.from_bytes(data[8:10], "little")
    header = NPY_HEADER.fullmatch(data[10:begin])
    if data[:8] != NPY_MAGIC or not header:
        raise ModelFormatError(f"{name} is not an array in NPY format 1.0")
    try:
        dtype = np.dtype(header[1].decode())
        shape = tuple(int(n) for n in header[3].decode().split(",") if n.strip())
    except (TypeError, ValueError):
        raise ModelFormatError(f"{name} has a dtype or shape that NumPy lacks") from None
    if len(shape) > 32 or len(data) - begin != math.prod(shape) * dtype.itemsize:
        raise ModelFormatError(f"{name}: its shape does not fit its {len(data) - begin} bytes")
    values = np.frombuffer(data, dtype, offset=begin)
    if dtype.kind == "b" and values.view(np.uint8).max(initial=0) > 1:
        raise ModelFormatError(f"{name}: a boolean that is neither 0 nor 1")
    try:
        order: Any = "F" if header[2] == b"True" else "C"
        return values.astype(dtype.newbyteorder("=")).reshape(shape, order=order)
    except ValueError:  # a huge axis beside an empty one
        raise ModelFormatError(f"{name}: no array can have shape {shape}") from None
