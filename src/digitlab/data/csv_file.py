"""CSV: a row an image, its label and 784 pixels, as Kaggle and the common MNIST mirrors have it."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from digitlab.data.bounded import GZIP_MAGIC, most_bytes, open_data
from digitlab.data.split import MAX_CLASSES, Images, Labels
from digitlab.errors import DataError
from digitlab.text import cut, shortened

LABEL_NAMES = ("label", "class", "target", "y")
COLUMNS = 1 + 784
# Of a row in characters, line breaks within quotes included: quotes, spaces and a decimal point for every number leave
# it far from full.
MAX_ROW = 32 * COLUMNS
# What a gzipped table may unpack to: this much whatever its size, which is 20,000 rows of zeros and takes a second, or
# this many times its size, where MNIST has 8 and rows of zeros a thousand.
SMALL_TEXT, TEXT_RATIO = 32 * 2**20, 25
# Rows without any cell, beyond two per image: some programs end their lines twice.
MOST_EMPTY = 1000
# Nearly every cell of nearly every table is one of these, and finding it here takes a third of the time of `int`.
_CELLS = {str(value): value for value in range(256)}


def read_csv(path: Path) -> tuple[Images, Labels]:
    """Images and labels. The label's column is found by its name in the header; otherwise it is the first.

    Raises:
        DataError: A row has another number of columns or more characters than a row can have, a value is no whole
            number in range, or the table is longer than memory or than such a gzip file can plausibly be.
    """
    images, labels = bytearray(), bytearray()
    with contextlib.closing(_Rows(open_data(path), path)) as rows:
        try:
            label_at = 0
            for number, row in rows:
                if number == 1 and _is_header(row):
                    label_at = _label_column(row)
                    _check_width(row, path, number)
                    continue
                _check_width(row, path, number)
                values = _values(row, label_at, path, number)
                labels.append(values[label_at])
                images += values[:label_at] + values[label_at + 1 :]
        except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
            raise DataError(
                f"{path}: expected a CSV file, got: {error}", hint="one image a row: label,pixel,…"
            ) from error
    if not labels:
        raise DataError(f"{path}: expected at least one row, got none", hint="is the file empty?")
    pixels = np.frombuffer(images, np.uint8).reshape(-1, 28, 28)
    numbers = np.frombuffer(labels, np.uint8)
    pixels.flags.writeable = numbers.flags.writeable = False
    return pixels, numbers


class _Rows:
    """The rows of a table that have cells, each with its number from 1.

    csv.reader asks for lines until the quotes of a row are closed. So what is bounded here is a row, whatever its
    number of lines.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        zipped = file.read(2) == GZIP_MAGIC
        size = file.seek(0, 2)
        file.seek(0)
        self._file = file
        content = gzip.GzipFile(fileobj=file) if zipped else file
        self._text = io.TextIOWrapper(content, encoding="utf-8-sig", newline="")
        self._path = path
        self._number = 0
        self._left_of_row = MAX_ROW
        self._left_of_file = max(SMALL_TEXT, TEXT_RATIO * size) if zipped else size

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        full = 0
        room = most_bytes() // COLUMNS
        for number, row in enumerate(csv.reader(self._lines()), start=1):
            self._number, self._left_of_row = number, MAX_ROW
            if row:
                full += 1
                yield number, row
            if full > room or number - full > MOST_EMPTY + 2 * full:
                raise self._endless("more rows than memory holds" if full > room else "empty rows without end")

    def close(self) -> None:
        """Close the file."""
        self._text.close()
        self._file.close()

    def _lines(self) -> Iterator[str]:
        while line := self._text.readline(self._left_of_row + 1):
            self._left_of_row -= len(line)
            self._left_of_file -= len(line)
            if self._left_of_row < 0:
                raise self._endless(f"more than {MAX_ROW:,} characters in row {self._number + 1}")
            if self._left_of_file < 0:
                raise self._endless(f"a gzip file that unpacks to more than {TEXT_RATIO} times its size")
            yield line

    def _endless(self, came: str) -> DataError:
        return DataError(
            f"{self._path}: expected rows of {COLUMNS} numbers, got {came}",
            hint="the file is damaged or was made to deceive; if it is neither, unpack it with gunzip",
        )


def _is_header(row: list[str]) -> bool:
    """Whether the first row is names: a known one among them, or hardly a number.

    One odd cell does not make it a header: a damaged row of pixels must be told, not left out.
    """
    if any(cell.strip().lower() in LABEL_NAMES for cell in row):
        return True
    numbers = sum(cell.strip().lstrip("-").replace(".", "", 1).isdigit() for cell in row)
    return numbers < len(row) / 2


def _label_column(header: list[str]) -> int:
    names = [name.strip().lower() for name in header]
    return next((names.index(name) for name in LABEL_NAMES if name in names), 0)


def _check_width(row: list[str], path: Path, number: int) -> None:
    if len(row) != COLUMNS:
        raise DataError(
            f"{path}, row {number}: expected {COLUMNS} columns (a label and 784 pixels), got {len(row)}",
            hint="every row is one 28x28 image; is a column missing or a row cut short?",
        )


def _values(row: list[str], label_at: int, path: Path, number: int) -> bytes:
    """A row's label and pixels, one byte each, in the order of the row."""
    try:
        values = bytes(map(_CELLS.__getitem__, row))
    except KeyError:
        values = bytes(_number(cell, at, at == label_at, path, number) for at, cell in enumerate(row))
    if values[label_at] >= MAX_CLASSES:
        raise _no_label(row[label_at], path, number)
    return values


def _number(cell: str, at: int, is_label: bool, path: Path, number: int) -> int:
    """The number in a cell that is not written as `str` writes a number from 0 to 255."""
    digits = cell.strip().removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise DataError(
            f"{path}, row {number}, column {at + 1}: expected a whole number, got {shortened(cell)}",
            hint="pixels are whole numbers from 0 to 255, not scaled to [0, 1]",
        )
    try:
        value = int(cell)
    except ValueError:  # of more digits than Python converts
        value = -1
    if 0 <= value <= 255:
        return value
    if is_label:
        raise _no_label(cell, path, number)
    raise DataError(
        f"{path}, column {at + 1}, row {number}: expected pixels from 0 to 255, got {cut(cell.strip())}",
        hint="pixels are bytes",
    )


def _no_label(cell: str, path: Path, number: int) -> DataError:
    return DataError(
        f"{path}, row {number}: expected a label from 0 to {MAX_CLASSES - 1}, got {cut(cell.strip())}",
        hint="labels count from 0",
    )
