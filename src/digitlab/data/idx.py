"""IDX, the format MNIST came in: a magic number, big-endian sizes, then bytes (LeCun, Cortes, Burges)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from digitlab.data.bounded import (
    DEFLATE_MAX_RATIO,
    GZIP_MAGIC,
    most_bytes,
    open_data,
    read_at_most,
    read_start,
    read_start_as_it_is,
    refuse_implausible,
)
from digitlab.data.mapped import is_to_be_mapped
from digitlab.data.split import IMAGE_SIDE, Images, Labels
from digitlab.errors import DataError

IMAGES_MAGIC, LABELS_MAGIC = 0x0803, 0x0801
# Of the header, in bytes: the magic number, and four more for each dimension.
IMAGES_HEADER, LABELS_HEADER = 16, 8


def read_idx_images(path: Path) -> Images:
    """uint8 [n, 28, 28] from a plain or gzipped IDX file of images; a read-only `numpy.memmap` of a large plain one.

    Raises:
        DataError: The file is no such file, is damaged, cut short or too long, or has images of another size.
    """
    count = count_in_header(read_start(path, IMAGES_HEADER), str(path))
    read = _mapped if is_to_be_mapped(path) else _body
    return read(path, IMAGES_HEADER, count * IMAGE_SIDE**2).reshape(count, IMAGE_SIDE, IMAGE_SIDE)


def count_in_header(start: bytes, name: str) -> int:
    """How many images a file says that it holds.

    Args:
        start: Its first 16 bytes, decompressed, or fewer if there are no more.
        name: What to call it in messages.

    Raises:
        DataError: They begin no IDX file of images, or one of images of another size.
    """
    count, rows, columns = _header(start, name, IMAGES_MAGIC, "images", 3)
    if (rows, columns) != (IMAGE_SIDE, IMAGE_SIDE):
        raise DataError(
            f"{name}: expected images of 28x28 pixels, got {rows}x{columns}",
            hint="digitlab's networks read 28x28 images; resize them first",
        )
    return count


def read_idx_labels(path: Path) -> Labels:
    """uint8 [n] from a plain or gzipped IDX file of labels.

    Raises:
        DataError: The file is no such file, is damaged, cut short or too long.
    """
    (count,) = _header(read_start(path, LABELS_HEADER), str(path), LABELS_MAGIC, "labels", 1)
    return _body(path, LABELS_HEADER, count)


def _header(start: bytes, name: str, magic: int, what: str, dimensions: int) -> tuple[int, ...]:
    size = 4 + 4 * dimensions
    if len(start) >= 4 and (came := struct.unpack(">I", start[:4])[0]) != magic:
        raise DataError(
            f"{name}: expected the magic number {magic:#06x} of IDX {what}, got {came:#06x}",
            hint=_magic_hint(came),
        )
    if len(start) < size:
        raise DataError(
            f"{name}: expected an IDX header of {size} bytes, got {len(start)} bytes",
            hint="the file was cut short; fetch it again",
        )
    return tuple(int(n) for n in struct.unpack(f">{dimensions}I", start[4:]))


def _body(path: Path, header_size: int, size: int) -> Images:
    length = _length(path)
    if size > min(most_bytes(), length * DEFLATE_MAX_RATIO):
        raise DataError(
            f"{path}: its header promises {size:,} bytes, more than the file or this machine can hold",
            hint="the file is damaged or was made to deceive; fetch it again",
        )
    if read_start_as_it_is(path, 2) == GZIP_MAGIC:
        refuse_implausible(size, length, str(path))
    content = read_at_most(path, header_size + size)
    if (came := len(content) - header_size) != size:
        raise _of_another_length(path, size, "more than that" if came > size else f"{came:,}")
    return np.frombuffer(content, np.uint8, offset=header_size)


def _mapped(path: Path, header_size: int, size: int) -> Images:
    if (came := _length(path) - header_size) != size:
        raise _of_another_length(path, size, f"{came:,}")
    return np.memmap(path, np.uint8, "r", offset=header_size, shape=(size,))


def _length(path: Path) -> int:
    with open_data(path) as file:
        length: int = file.seek(0, 2)
        return length


def _of_another_length(path: Path, size: int, came: str) -> DataError:
    return DataError(
        f"{path}: expected {size:,} bytes after the header, got {came}",
        hint="the file was cut short or holds something else besides; fetch it again",
    )


def _magic_hint(came: int) -> str:
    known = {IMAGES_MAGIC: "this is a file of images", LABELS_MAGIC: "this is a file of labels"}
    return known.get(came, "is this an IDX file of unsigned bytes?")
