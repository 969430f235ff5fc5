"""`NpyHeader`: what an NPY file says of the array in it, read before any of the array is."""

from __future__ import annotations

import io
import warnings
from typing import IO, Any, NamedTuple

import numpy as np

from digitlab.data.split import IMAGE_SIDE, check_image_type
from digitlab.errors import DataError

IMAGE_BYTES = IMAGE_SIDE * IMAGE_SIDE
_MAGIC, _MAGIC_BYTES = b"\x93NUMPY", 8
# By version: the bytes of the number that says how long the header is.
_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
# NumPy's header of an array of numbers has 118 bytes, and its text is parsed as a Python literal.
_LONGEST = 1024


class NpyHeader(NamedTuple):
    """An array's type, shape and order.

    Args:
        dtype: The type of its numbers.
        shape: Its shape, as declared.
        fortran: Whether it is stored column by column.
        bytes: Bytes of the header itself; the array begins there.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    bytes: int

    @property
    def array_bytes(self) -> int:
        """Bytes of the array."""
        count = 1
        for size in self.shape:  # whole numbers of Python, which do not overflow
            count *= size
        return count * self.dtype.itemsize


def read_npy_header(stream: IO[bytes]) -> NpyHeader:
    """Read the header at the start of an NPY file. `stream` then stands where the array begins.

    Raises:
        ValueError: The bytes begin no NPY file, a header that `numpy.save` does not write, or
            one of Python objects.
        Exception: Whatever the stream raises.
    """
    magic = _exactly(stream, _MAGIC_BYTES)
    version = (magic[6], magic[7])
    if magic[:6] != _MAGIC or version not in _LENGTH_BYTES:
        msg = "no NPY file of version 1, 2 or 3"
        raise ValueError(msg)
    length_bytes = _exactly(stream, _LENGTH_BYTES[version])
    length = int.from_bytes(length_bytes, "little")
    if length > _LONGEST:
        msg = f"a header of {length:,} bytes"
        raise ValueError(msg)
    text = io.BytesIO(length_bytes + _exactly(stream, length))
    shape, fortran, dtype = _parse(text, version)
    if any(type(size) is not int or size < 0 for size in shape):
        msg = "a shape of other than whole numbers"
        raise ValueError(msg)
    if dtype.hasobject:
        msg = "Python objects"
        raise ValueError(msg)
    return NpyHeader(dtype, shape, fortran, _MAGIC_BYTES + len(length_bytes) + length)


def check_image_header(header: NpyHeader, name: str) -> int:
    """How many images an array has: uint8 [n, 28, 28] or [n, 784], one or more.

    Raises:
        DataError: It is of another type or shape, or has none.
    """
    shape = header.shape
    if len(shape) == 2 and shape[1] == IMAGE_BYTES:
        shape = (shape[0], IMAGE_SIDE, IMAGE_SIDE)
    check_image_type(header.dtype, shape, name)
    if shape[0] == 0:
        raise DataError(f"{name}: expected at least one image, got none", hint="is the file empty?")
    return shape[0]


def _parse(text: io.BytesIO, version: tuple[int, int]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    # Version 3 differs from 2 in the encoding of names of columns alone, and an array of numbers has none.
    read = readers.get(version, np.lib.format.read_array_header_2_0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that Python 2 wrote, which are read all the same
            header: tuple[tuple[int, ...], bool, np.dtype[Any]] = read(text, max_header_size=_LONGEST)
    except Exception as error:
        # Python's parser, its tokenizer and NumPy's types each fail in their own way.
        msg = f"a damaged header ({type(error).__name__})"
        raise ValueError(msg) from error
    return header


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        msg = "a header that was cut short"
        raise ValueError(msg)
    return content
