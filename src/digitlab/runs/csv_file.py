"""`read_rows`: CSV files of a run, read without trust in what they hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from digitlab.runs.checks import CheckError, shown
from digitlab.runs.json_file import read_bytes
from digitlab.text import in_short

# A training has 100,000 epochs at most, and a range test as many steps.
MOST_ROWS = 100_000
MOST_CSV_BYTES = 32 * 2**20
_MOST_COLUMNS = 100
# The reason why a trial failed takes a line.
_LONGEST_LINE = 200_000


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """The rows of a CSV file that has at least the columns `columns`, one after another.

    Args:
        path: The file, of at most 32 MiB and 100,000 rows.
        columns: Names that the header must have.

    Yields:
        The cells of a row by the names of their columns.

    Raises:
        CheckError: A column is missing or there twice, a row has another number of cells, or the file is too
            large or no CSV.
        ValueError: The file is not UTF-8.
        OSError: It is no regular file, or cannot be read.
    """
    rows = csv.reader(_lines(read_bytes(path, MOST_CSV_BYTES)))
    try:
        header = next(rows, [])
        _check_header(header, columns)
        for count, cells in enumerate((cells for cells in rows if cells), start=1):
            if count > MOST_ROWS:
                raise CheckError(f"at most {MOST_ROWS:,} rows", "more")
            if len(cells) != len(header):
                raise CheckError(f"{len(header)} cells in line {rows.line_num}", str(len(cells)))
            yield dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise CheckError("a table", in_short(error)) from error


def _lines(content: bytes) -> Iterator[str]:
    with io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="") as file:
        while line := file.readline(_LONGEST_LINE + 1):
            if len(line) > _LONGEST_LINE:
                raise CheckError(f"lines of at most {_LONGEST_LINE:,} characters", "a longer one")
            yield line


def _check_header(header: list[str], columns: Sequence[str]) -> None:
    if len(header) > _MOST_COLUMNS:
        raise CheckError(f"at most {_MOST_COLUMNS} columns", str(len(header)))
    for name in columns:
        if (count := header.count(name)) != 1:
            raise CheckError(f"one column {name}", str(count) if count else f"none among {shown(', '.join(header))}")
