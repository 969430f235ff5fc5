"""`read_history`: the rows of history.csv, checked, and compared with a checkpoint where the training goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from digitlab.runs.checks import CheckError, cell, epoch, finite, seconds, share
from digitlab.runs.csv_file import read_rows
from digitlab.runs.folder import HISTORY_COLUMNS, Row
from digitlab.runs.json_file import parse_json
from digitlab.runs.npz_file import read_arrays

# Of the checkpoint of a training of 100,000 epochs, as UTF-32.
MOST_RECORD_BYTES = 64 * 2**20
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


def check_unfinished(rows: Sequence[Row], checkpoint: Path) -> None:
    """Check the rows of a training that has not ended against its checkpoint, which holds them too.

    Args:
        rows: The rows of history.csv. It is written just before the checkpoint, so that it may have one row more.
        checkpoint: The training's ``state.npz``.

    Raises:
        CheckError: A row is another than in the checkpoint, or is missing.
        OSError, ValueError: The checkpoint cannot be read, or is no archive.
    """
    record = parse_json(str(read_arrays(checkpoint, "record".__eq__, MOST_RECORD_BYTES)["record"][()]), any_number=True)
    kept = [{name: row[name] for name in HISTORY_COLUMNS if name in row} for row in record["history"]]
    if not len(kept) <= len(rows) <= len(kept) + 1:
        raise CheckError(f"the {len(kept)} rows of {checkpoint.name}", str(len(rows)))
    for number, (found, expected) in enumerate(zip(rows, kept, strict=False), start=1):
        if str(found) != str(expected):  # NaN equals NaN
            raise CheckError(f"the row of epoch {number} that {checkpoint.name} holds", "another")


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
