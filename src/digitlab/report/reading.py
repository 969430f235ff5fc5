"""Reading a run's files so that damage ends in two lines and no traceback."""

from __future__ import annotations

import contextlib
import csv
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

from digitlab.errors import RunError

_DAMAGE = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, csv.Error, zipfile.BadZipFile)


@contextlib.contextmanager
def reading(path: Path, hint: str) -> Iterator[None]:
    """Whatever goes wrong inside is damage to the file.

    Args:
        path: The file that is read.
        hint: How to have it whole again.

    Raises:
        RunError: Names the file and what was wrong with it.
    """
    try:
        yield
    except _DAMAGE as error:
        what = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise RunError(f"{path}: expected what digitlab wrote there, got: {what}", hint=hint) from error


def read_rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV file that has at least these columns.

    Raises:
        ValueError: A column is missing, or a row has too few or too many cells.
        OSError: There is no such file.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            msg = f"no column {missing[0]}"
            raise ValueError(msg)
        rows = list(reader)
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            msg = f"row {number} with another number of cells than the header"
            raise ValueError(msg)
    return rows


def finite(value: object) -> float:
    """A number as a float.

    Raises:
        ValueError: It is no number, or none that is finite.
    """
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        msg = f"{value} for a number"
        raise ValueError(msg)
    return number


def positive(value: object) -> float:
    """A finite number above 0, such as a learning rate.

    Raises:
        ValueError: It is none.
    """
    number = finite(value)
    if number <= 0:
        msg = f"{value} for a number above 0"
        raise ValueError(msg)
    return number


def share(value: object) -> float:
    """A number from 0 to 1, such as an accuracy.

    Raises:
        ValueError: It is none.
    """
    number = finite(value)
    if not 0 <= number <= 1:
        msg = f"{value} for a share from 0 to 1"
        raise ValueError(msg)
    return number
