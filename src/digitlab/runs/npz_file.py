"""`read_arrays`: NPZ archives of a run, read without trust in what they hold."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from digitlab.runs.checks import CheckError, shown
from digitlab.runs.regular_file import open_regular
from digitlab.text import in_short

Array = npt.NDArray[Any]

_MOST_ENTRIES = 20_000
_MOST_DIRECTORY_BYTES = 4 * 2**20
_END = struct.Struct("<4s4H2LH")
_END_MARK, _END_64_MARK = b"PK\x05\x06", b"PK\x06\x07"
_END_64_SIZE = 20
_MAGIC_BYTES = 12
# A header states one dtype and one shape; NumPy pads it to 64 bytes, or 128.
_MOST_HEADER_BYTES = 4096
# NumPy pads the header of all but unusual arrays to this.
_USUAL_HEADER_BYTES = 128
_CHUNK_BYTES = 2**20


def read_arrays(path: Path, wanted: Callable[[str], bool], most: int) -> dict[str, Array]:
    """Arrays of an NPZ archive, as `numpy.savez` and `numpy.savez_compressed` write it.

    Nothing is unpacked that is not wanted, and no more than the archive declares: the sizes that its entries, their
    headers and `most` state must agree before memory is set aside.

    Args:
        path: The archive.
        wanted: Says of an array's name whether to read it.
        most: Bytes that the wanted arrays may take in all.

    Returns:
        The wanted arrays that are there, by name. None holds objects.

    Raises:
        CheckError: It is no archive, or an array is no plain array, is there twice or is larger than it may be.
        ValueError, EOFError, RuntimeError: The archive is damaged.
        OSError: It is no regular file, or cannot be read.
    """
    with open_regular(path) as file:
        _check_directory(file)
        try:
            with zipfile.ZipFile(file) as archive:
                return _read_wanted(archive, wanted, most)
        except (zipfile.BadZipFile, zlib.error, struct.error) as error:
            raise CheckError("an NPZ archive", f"a damaged one: {in_short(error)}") from error


def _read_wanted(archive: zipfile.ZipFile, wanted: Callable[[str], bool], most: int) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if not wanted(name):
            continue
        if name in found:
            raise CheckError("each array once", f"{shown(name)} twice")
        most -= max(0, info.file_size - _USUAL_HEADER_BYTES)
        if most < 0:
            raise CheckError("arrays of the size that a run has", f"{info.file_size:,} bytes for {shown(name)}")
        found[name] = _read_entry(archive, info)
    return found


def check_array(values: object, shape: tuple[int | None, ...], dtype: npt.DTypeLike) -> Array:
    """Check an array's shape and dtype.

    Args:
        values: The array.
        shape: Its shape; `None` stands for any length.
        dtype: Its dtype.

    Returns:
        The array itself.

    Raises:
        CheckError: It is no array, or one of another shape or dtype.
    """
    expected = f"{np.dtype(dtype)} [{', '.join('n' if side is None else str(side) for side in shape)}]"
    if not isinstance(values, np.ndarray):
        raise CheckError(f"an array {expected}", shown(values))
    fits = values.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, values.shape, strict=True)
    )
    if not fits or values.dtype != dtype:
        raise CheckError(f"an array {expected}", f"{values.dtype} {list(values.shape)[:10]}")
    return values


def _check_directory(file: BinaryIO) -> None:
    """Bound the archive's list of entries, of which `zipfile` would read any number."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END.size - _END_64_SIZE))
    end = file.read()
    if len(end) < _END.size or end[-_END.size :][:4] != _END_MARK:
        raise CheckError("an NPZ archive", "something else, or a part of one")
    _, _, _, _, entries, directory, _, _ = _END.unpack(end[-_END.size :])
    if entries > _MOST_ENTRIES or directory > _MOST_DIRECTORY_BYTES or end[: len(_END_64_MARK)] == _END_64_MARK:
        raise CheckError(f"at most {_MOST_ENTRIES:,} arrays", "more, or an archive above 4 GiB")
    file.seek(0)


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    # Other methods set aside memory by what the archive states, and NumPy writes none of them.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CheckError("entries stored or deflated", f"method {info.compress_type} for {shown(info.filename)}")
    with closing(archive.open(info)) as stream:
        shape, fortran_order, dtype = _read_header(stream, info)
        size = info.file_size - stream.tell()
        if dtype.hasobject or _bytes_of(shape, dtype) != size:
            raise CheckError(
                f"an array of {size:,} bytes", f"one of {dtype} {list(shape)[:10]} for {shown(info.filename)}"
            )
        content = bytearray()
        while len(content) <= size and (chunk := stream.read(_CHUNK_BYTES)):
            content += chunk
    if len(content) != size:
        raise CheckError(f"{size:,} bytes of {shown(info.filename)}", f"{len(content):,}")
    if not size:
        return np.zeros(shape, dtype)
    flat: Array = np.frombuffer(content, dtype)
    return flat.reshape(shape[::-1]).transpose() if fortran_order else flat.reshape(shape)


def _read_header(stream: Any, info: zipfile.ZipInfo) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    head = stream.read(_MAGIC_BYTES)
    version = head[6:8]
    length = int.from_bytes(head[8:10] if version == b"\x01\x00" else head[8:12], "little")
    if head[:6] != b"\x93NUMPY" or version not in (b"\x01\x00", b"\x02\x00") or length > _MOST_HEADER_BYTES:
        raise CheckError("an array as NumPy writes it", f"something else for {shown(info.filename)}")
    rest = length - 2 if version == b"\x01\x00" else length
    header = io.BytesIO(head[8:] + stream.read(max(0, rest)))
    read = np.lib.format.read_array_header_1_0 if version == b"\x01\x00" else np.lib.format.read_array_header_2_0
    try:
        shape, fortran_order, dtype = read(header)
    except Exception as error:  # a header is a Python literal, whose damage shows itself in many ways
        raise CheckError("an array as NumPy writes it", f"a damaged header of {shown(info.filename)}") from error
    if any(side < 0 for side in shape):
        raise CheckError("an array as NumPy writes it", f"a negative length of {shown(info.filename)}")
    return shape, fortran_order, dtype


def _bytes_of(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    size = dtype.itemsize
    for side in shape:
        size *= side
    return size
