"""CSV: a row an image, its label and 784 pixels, as Kaggle and the common MNIST mirrors have it."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from digitlab.data.bounded import GZIP_MAGIC, most_bytes
from digitlab.data.split import MAX_CLASSES, Images, Labels
from digitlab.errors import DataError

LABEL_NAMES = ("label", "class", "target", "y")
COLUMNS = 1 + 784
# In characters: quotes, spaces and a decimal point for every number leave it far from full.
MAX_LINE = 32 * COLUMNS


def read_csv(path: Path) -> tuple[Images, Labels]:
    """Images and labels. The label's column is found by its name in the header, else it is the first.

    Raises:
        DataError: A row has another number of columns, or a value is no whole number in range.
    """
    images, labels = bytearray(), bytearray()
    try:
        with _open(path) as file:
            rows = csv.reader(_lines(file, path))
            label_at = 0
            for number, row in enumerate(rows, start=1):
                if number == 1 and _is_header(row):
                    label_at = _label_column(row)
                    _check_width(row, path, number)
                elif row:
                    _check_width(row, path, number)
                    values = _numbers(row, path, number)
                    labels.append(_label(values.pop(label_at), path, number))
                    images += _pixels(values, path, number)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise DataError(f"{path}: expected a CSV file, got: {error}", hint="one image a row: label,pixel,…") from error
    if not labels:
        raise DataError(f"{path}: expected at least one row, got none", hint="is the file empty?")
    return np.frombuffer(bytes(images), np.uint8).reshape(-1, 28, 28), np.frombuffer(bytes(labels), np.uint8)


def _open(path: Path) -> IO[str]:
    with path.open("rb") as file:
        zipped = file.read(2) == GZIP_MAGIC
    if zipped:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _lines(file: IO[str], path: Path) -> Iterator[str]:
    """The file's lines, none of which may be longer than a row can be, nor all together than memory."""
    room = most_bytes()
    while line := file.readline(MAX_LINE):
        room -= 784
        if len(line) == MAX_LINE or room < 0:
            too_much = "a line" if room >= 0 else "more of them"
            raise DataError(
                f"{path}: expected rows of {COLUMNS} numbers, got {too_much} without end",
                hint="the file is damaged or was made to deceive",
            )
        yield line


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


def _numbers(row: list[str], path: Path, number: int) -> list[int]:
    try:
        return [int(cell) for cell in row]
    except ValueError as error:
        column = next(i for i, cell in enumerate(row, start=1) if not _is_whole(cell))
        raise DataError(
            f"{path}, row {number}, column {column}: expected a whole number, got {row[column - 1]!r}",
            hint="pixels are whole numbers from 0 to 255, not scaled to [0, 1]",
        ) from error


def _is_whole(cell: str) -> bool:
    try:
        int(cell)
    except ValueError:
        return False
    return True


def _label(value: int, path: Path, number: int) -> int:
    if not 0 <= value < MAX_CLASSES:
        raise DataError(
            f"{path}, row {number}: expected a label from 0 to {MAX_CLASSES - 1}, got {value}",
            hint="labels count from 0",
        )
    return value


def _pixels(values: list[int], path: Path, number: int) -> bytes:
    try:
        return bytes(values)
    except ValueError as error:
        wrong = next(value for value in values if not 0 <= value <= 255)
        raise DataError(
            f"{path}, row {number}: expected pixels from 0 to 255, got {wrong}", hint="pixels are bytes"
        ) from error
