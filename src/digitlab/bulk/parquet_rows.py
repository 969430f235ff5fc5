"""`ParquetRows`: the images in a column of a Parquet file, decoded batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from digitlab.bulk.arrow import import_parquet
from digitlab.bulk.reading import reading
from digitlab.data.bounded import most_unpacked
from digitlab.data.npy_header import IMAGE_BYTES
from digitlab.data.split import IMAGE_SIDE, Images
from digitlab.errors import DataError

NAMES = ("image", "images")
BATCH = 8192
# Of a text and of a list in the file's metadata. Arrow's own schema is such a text.
LONGEST_TEXT, LONGEST_LIST = 10_000_000, 100_000


class ParquetRows:
    """Images in a Parquet file, of which any stretch can be read alone.

    Reading on from where the last stretch ended costs nothing but itself; another stretch is decoded from the start of
    its row group.

    Args:
        stream: The file; is closed by `close`.
        name: Of the file, for messages.
        size: Of the file, in bytes.

    Raises:
        DataError: It is no Parquet file, has no column of images or several, or says that it holds more images than
            such a file can plausibly unpack to.
    """

    def __init__(self, stream: BinaryIO, name: str, size: int) -> None:
        parquet = import_parquet()
        self._stream, self._name = stream, name
        with reading(name):
            stream.seek(0)
            self._file = parquet.ParquetFile(
                stream,
                pre_buffer=False,
                thrift_string_size_limit=LONGEST_TEXT,
                thrift_container_size_limit=LONGEST_LIST,
            )
            self._column = _column(self._file.schema_arrow, name)
            groups = [self._file.metadata.row_group(i) for i in range(self._file.num_row_groups)]
        sizes = [group.num_rows for group in groups]
        _refuse_bombs(groups, self._column, size, name)
        self._ends = np.cumsum([0, *sizes])
        self.count = int(self._ends[-1])
        self._at = -1  # nowhere yet
        self._left = np.empty((0, IMAGE_BYTES), np.uint8)
        self._batches: Iterator[Any] = iter(())

    def read(self, start: int, stop: int) -> Images:
        """uint8 [stop - start, 28, 28], the images from number `start` to before `stop`.

        Raises:
            DataError: The file is damaged, or a value is no image of 784 bytes.
        """
        images = np.empty((stop - start, IMAGE_BYTES), np.uint8)
        if len(images):
            self._go_to(start)
        filled = 0
        while filled < len(images):
            taken = self._take(len(images) - filled)
            images[filled : filled + len(taken)] = taken
            filled += len(taken)
        return images.reshape(-1, IMAGE_SIDE, IMAGE_SIDE)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _go_to(self, start: int) -> None:
        group = int(np.searchsorted(self._ends, start, side="right")) - 1
        if not self._ends[group] <= self._at <= start:
            self._at = int(self._ends[group])
            self._left = self._left[:0]
            groups = list(range(group, self._file.num_row_groups))
            self._batches = self._file.iter_batches(BATCH, row_groups=groups, columns=[self._column], use_threads=False)
        while self._at < start:
            self._take(start - self._at)

    def _take(self, most: int) -> Any:
        """The next images, at most so many, uint8 [n, 784]."""
        if not len(self._left):
            with reading(self._name):
                batch = next(self._batches, None)
                if batch is None:
                    msg = f"it ends after {self._at:,} rows"
                    raise ValueError(msg)
                self._left = pixels(batch.column(0), f"{self._name}:{self._column}")
        taken, self._left = self._left[:most], self._left[most:]
        self._at += len(taken)
        return taken


def _refuse_bombs(groups: Sequence[Any], column: str, size: int, name: str) -> None:
    """Raise `DataError` if a file says that it unpacks to more than images do; an Arrow reader believes it."""
    chunks = [group.column(index) for group in groups for index in range(group.num_columns)]
    wanted = [chunk for chunk in chunks if f"{chunk.path_in_schema}.".startswith(f"{column}.")]
    sizes = [group.num_rows for group in groups]
    if min([*sizes, *(chunk.total_uncompressed_size for chunk in wanted)], default=0) < 0:
        raise DataError(f"{name}: expected a whole file, got one of sizes below 0", hint="fetch the file again")
    unpacked = max(sum(sizes) * IMAGE_BYTES, sum(chunk.total_uncompressed_size for chunk in wanted))
    if unpacked > (most := most_unpacked(size)):
        raise DataError(
            f"{name}: expected at most {most:,} bytes of images in {size:,} bytes of Parquet, got {unpacked:,}",
            hint="the file is damaged or was made to deceive",
        )


def pixels(values: Any, name: str) -> Images:
    """uint8 [n, 784] of an Arrow array of bytes or of lists of uint8, without copying.

    Raises:
        DataError: A value is missing, or has not 784 bytes.
    """
    import pyarrow.compute as compute
    from pyarrow import types

    if values.null_count:
        raise DataError(f"{name}: expected an image in every row, got {values.null_count:,} without", hint=_HINT)
    if types.is_fixed_size_binary(values.type):
        start = values.offset * IMAGE_BYTES
        content = np.frombuffer(values.buffers()[1], np.uint8)[start : start + len(values) * IMAGE_BYTES]
        return content.reshape(-1, IMAGE_BYTES)
    of_bytes = types.is_binary(values.type) or types.is_large_binary(values.type)
    lengths = (compute.binary_length if of_bytes else compute.list_value_length)(values)
    if (wrong := lengths.filter(compute.not_equal(lengths, IMAGE_BYTES))) and len(wrong):
        raise DataError(f"{name}: expected {IMAGE_BYTES} bytes an image, got {wrong[0].as_py():,}", hint=_HINT)
    if not of_bytes:
        inner = values.flatten()
        if inner.null_count:
            raise DataError(f"{name}: expected {IMAGE_BYTES} bytes an image, got some without a value", hint=_HINT)
        return np.asarray(inner, np.uint8).reshape(-1, IMAGE_BYTES)
    _, offsets, content = values.buffers()
    kind = np.int64 if types.is_large_binary(values.type) else np.int32
    first = int(np.frombuffer(offsets, kind)[values.offset]) if len(values) else 0
    return np.frombuffer(content, np.uint8)[first : first + len(values) * IMAGE_BYTES].reshape(-1, IMAGE_BYTES)


_HINT = "images are 784 bytes each, the rows of 28x28 grey pixels; pictures in files are for `digitlab read`"


def _column(schema: Any, name: str) -> str:
    fitting = [field.name for field in schema if _fits(field.type)]
    named = [column for column in fitting if column in NAMES]
    chosen = named if named else fitting
    if len(chosen) == 1:
        return str(chosen[0])
    came = ", ".join(f"{field.name} {field.type}" for field in schema)[:200] if not chosen else ", ".join(chosen[:5])
    raise DataError(f"{name}: expected one column of images, got {came or 'none'}; it may be called image", hint=_HINT)


def _fits(kind: Any) -> bool:
    from pyarrow import types

    if types.is_fixed_size_binary(kind):
        return bool(kind.byte_width == IMAGE_BYTES)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return bool(types.is_uint8(kind.value_type))
    return bool(types.is_binary(kind) or types.is_large_binary(kind))
