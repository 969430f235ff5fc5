"""`open_images`: a file of MNIST-format images, whatever its format, which its first bytes tell."""

from __future__ import annotations

import gzip
import struct
from typing import BinaryIO, Literal, Protocol, cast

from digitlab.bulk.byte_rows import ByteRows, idx_rows, npy_rows, npz_rows, refuse_other_size
from digitlab.bulk.parquet_rows import ParquetRows
from digitlab.bulk.place import Place
from digitlab.bulk.reading import reading
from digitlab.data.bounded import GZIP_MAGIC
from digitlab.data.idx import IMAGES_MAGIC, LABELS_MAGIC
from digitlab.data.split import Images
from digitlab.errors import DataError

Format = Literal["idx", "labels", "npy", "npz", "parquet", "unknown"]

_MAGIC: dict[bytes, Format] = {
    struct.pack(">I", IMAGES_MAGIC): "idx",
    struct.pack(">I", LABELS_MAGIC): "labels",
    b"\x93NUM": "npy",
    b"PK\x03\x04": "npz",
    b"PAR1": "parquet",
}


class ImageRows(Protocol):
    """Images of one file, `count` of them."""

    count: int

    def read(self, start: int, stop: int) -> Images:
        """uint8 [stop - start, 28, 28]."""

    def close(self) -> None:
        """Close the file."""


def format_of(place: Place) -> Format:
    """What a file's first bytes say it is.

    Raises:
        DataError: It cannot be read.
    """
    with reading(place.name):
        stream = _decompressed(place.open())
        with stream:
            return _MAGIC.get(stream.read(4), "unknown")


def open_images(place: Place) -> ImageRows:
    """The images of a file: IDX or NPY, plain or gzipped, NPZ or Parquet.

    Raises:
        DataError: It is none of them, is damaged, or holds other arrays than images.
        UsageError: It is Parquet, and the package pyarrow is missing.
    """
    with reading(place.name):
        size = place.size()
        raw = place.open()
        stream = _decompressed(raw)
        kind = _MAGIC.get(stream.read(4), "unknown")
    try:
        if kind in ("npz", "parquet") and stream is not raw:
            # Both are read from their end, so that all of it would be unpacked, however much that is.
            raise DataError(f"{place.name}: expected {kind} as it is, got it gzipped", hint="unpack it with gunzip")
        if kind == "parquet":
            return ParquetRows(stream, place.name, size)
        rows = _byte_rows(kind, stream, place.name)
        if kind != "npz":
            refuse_other_size(rows, size, place.name, compressed=stream is not raw)
    except BaseException:
        stream.close()
        raise
    return rows


def _byte_rows(kind: Format, stream: BinaryIO, name: str) -> ByteRows:
    if kind == "idx":
        return idx_rows(stream, name)
    if kind == "npy":
        return npy_rows(stream, name)
    if kind == "npz":
        return npz_rows(stream, name)
    came = "labels" if kind == "labels" else "something else"
    raise DataError(
        f"{name}: expected images as IDX, NPY, NPZ or Parquet, got {came}",
        hint="pictures such as PNG or JPEG are for `digitlab read`",
    )


def _decompressed(stream: BinaryIO) -> BinaryIO:
    """The stream, through gzip where its first bytes say so, at its start."""
    start = stream.read(2)
    stream.seek(0)
    # Closing gzip's stream leaves the one below open, unless that is handed over as its own.
    return cast("BinaryIO", _OwnGzip(stream)) if start == GZIP_MAGIC else stream


class _OwnGzip(gzip.GzipFile):
    def __init__(self, below: BinaryIO) -> None:
        super().__init__(fileobj=below, mode="rb")
        self._below = below

    def close(self) -> None:
        super().close()
        self._below.close()
