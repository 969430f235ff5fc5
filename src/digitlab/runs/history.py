"""`read_history`: the rows of history.csv, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from digitlab.runs.checks import CheckError, cell, epoch, finite, seconds, share
from digitlab.runs.csv_file import read_rows
from digitlab.runs.folder import HISTORY_COLUMNS, Row

_ALWAYS, _HELD_OUT = ("epoch", "loss", "accuracy", "learning_rate", "duration_s"), ("val_loss", "val_accuracy")
# A training that diverges ends with losses that are not numbers.
_CELLS: dict[str, Callable[[object], float]] = {
    "epoch": cell(epoch),
    "loss": cell(finite, any_number=True),
    "accuracy": cell(share),
    "val_loss": cell(finite, any_number=True),
    "val_accuracy": cell(share),
    "learning_rate": cell(finite),
    "duration_s": cell(seconds),
}


def read_history(path: Path) -> list[Row]:
    """The rows of history.csv, a dictionary per epoch; empty cells (no validation) are left out.

    Raises:
        CheckError: A cell holds what digitlab does not write there, or an epoch is missing.
        OSError, ValueError: The file cannot be read, or is no table.
    """
    rows = [_read_row(row) for row in read_rows(path, _ALWAYS)]
    _check_epochs(rows)
    return rows


def _read_row(row: Mapping[str, str]) -> Row:
    return {name: float(_CELLS[name](row[name])) for name in HISTORY_COLUMNS if row.get(name)}


def _check_epochs(rows: Sequence[Row]) -> None:
    """Every epoch has all columns but for those of the held-out images, and epochs follow one another."""
    for number, row in enumerate(rows, start=1):
        expected = {*_ALWAYS, *(_HELD_OUT if any(name in row for name in _HELD_OUT) else ())}
        if missing := sorted(expected - set(row)):
            raise CheckError(f"a number under {missing[0]} for epoch {number}", "none")
        if row["epoch"] != number:
            raise CheckError(f"epoch {number} in row {number}", f"{row['epoch']:g}")
