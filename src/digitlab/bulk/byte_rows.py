"""`ByteRows`: images as 784 bytes each, one behind the other: what IDX, NPY and NPZ come down to."""

from __future__ import annotations

from typing import IO

import numpy as np

from digitlab.bulk.reading import reading
from digitlab.data.bounded import refuse_implausible
from digitlab.data.idx import IMAGES_HEADER, count_in_header
from digitlab.data.npy_header import IMAGE_BYTES, NpyHeader, check_image_header, read_npy_header
from digitlab.data.npz_archive import NpzArchive
from digitlab.data.split import IMAGE_SIDE, Images
from digitlab.errors import DataError

# In the order in which they are looked for: of a file with a training and a test part, the test part is meant.
_ARRAYS = ("images", "x", "X", "x_test", "test_images", "x_train", "train_images")


class ByteRows:
    """Images in a stream, of which any stretch can be read alone.

    Reading on from where the last stretch ended costs nothing but itself, in compressed files too.

    Args:
        stream: Stands anywhere; is closed by `close`.
        below: What the stream reads from, where closing it does not close that.
        start: Where the first image begins, in bytes.
        count: Images.
        name: Of the file, for messages.
    """

    def __init__(self, stream: IO[bytes], start: int, count: int, name: str, *, below: IO[bytes] | None = None) -> None:
        self._stream = stream
        self._below = below
        self._start = start
        self.count = count
        self._name = name

    def read(self, start: int, stop: int) -> Images:
        """uint8 [stop - start, 28, 28], the images from number `start` to before `stop`.

        Raises:
            DataError: The file is damaged, or cut short since it was counted.
        """
        size = (stop - start) * IMAGE_BYTES
        with reading(self._name):
            self._stream.seek(self._start + start * IMAGE_BYTES)
            content = self._stream.read(size)
            beyond = stop == self.count and self._stream.read(1)
        if len(content) < size or beyond:
            came = "more" if beyond else f"{start + len(content) // IMAGE_BYTES:,}"
            raise DataError(
                f"{self._name}: expected {self.count:,} images as its header says, got {came}",
                hint="the file was cut short or holds something else besides; fetch it again",
            )
        return np.frombuffer(content, np.uint8).reshape(-1, IMAGE_SIDE, IMAGE_SIDE)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        if self._below is not None:
            self._below.close()


def idx_rows(stream: IO[bytes], name: str) -> ByteRows:
    """The images of an IDX file, whose header is read here.

    Raises:
        DataError: The header is damaged, or of images of another size.
    """
    with reading(name):
        stream.seek(0)
        header = stream.read(IMAGES_HEADER)
    return ByteRows(stream, IMAGES_HEADER, count_in_header(header, name), name)


def npy_rows(stream: IO[bytes], name: str, *, below: IO[bytes] | None = None) -> ByteRows:
    """The images of an NPY file: uint8 [n, 28, 28] or [n, 784].

    Raises:
        DataError: It holds another array.
    """
    with reading(name):
        stream.seek(0)
        header = read_npy_header(stream)
    return _rows_of(header, stream, name, below=below)


def npz_rows(stream: IO[bytes], name: str) -> ByteRows:
    """The images of an NPZ archive: of its array ``images`` or ``x``, of its test part, or of its only array.

    Raises:
        DataError: There is none of them, or it holds no images.
    """
    with reading(name):
        archive = NpzArchive(stream)
        names = archive.names
        usual = [array for array in _ARRAYS if array in names]
        chosen = usual or (names if len(names) == 1 else [])
        if not chosen:
            raise DataError(
                f"{name}: expected an array called {', '.join(_ARRAYS)}, got {', '.join(names[:5]) or 'none'}",
                hint="numpy.savez(path, images=images)",
            )
        array = chosen[0]
        header = archive.header(array)
        count = check_image_header(header, f"{name}:{array}")
        if archive.is_compressed(array):
            refuse_implausible(count * IMAGE_BYTES, archive.compressed_bytes(array), f"{name}:{array}")
        member = archive.open(array)
    return _rows_of(header, member, f"{name}:{array}", below=stream)


def _rows_of(header: NpyHeader, stream: IO[bytes], name: str, *, below: IO[bytes] | None = None) -> ByteRows:
    count = check_image_header(header, name)
    if header.fortran:
        raise DataError(
            f"{name}: expected an array row by row, got one in Fortran's order",
            hint="numpy.save(path, numpy.ascontiguousarray(images))",
        )
    return ByteRows(stream, header.bytes, count, name, below=below)


def refuse_other_size(rows: ByteRows, size: int, name: str, *, compressed: bool = False) -> None:
    """Raise `DataError` unless `size` bytes of file are what `rows` need; of a compressed file, unless they may be."""
    needed = rows._start + rows.count * IMAGE_BYTES
    if compressed:
        refuse_implausible(needed, size, name)
    elif needed != size:
        raise DataError(
            f"{name}: expected {needed:,} bytes for the {rows.count:,} images that its header promises, got {size:,}",
            hint="the file was cut short or holds something else besides; fetch it again",
        )
