"""A run's learning-rate scan as the report sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digitlab.report.words import evenly
from digitlab.runs import RunFolder
from digitlab.runs.checks import CheckError, cell, finite, positive, reading, within
from digitlab.runs.csv_file import read_rows
from digitlab.runs.layout import SCAN

COLUMNS = ("step", "learning_rate", "loss", "smoothed_loss")

# More curves than these could not be told apart.
MOST_RATES = 40
_RATE, _LOSS = cell(positive), cell(finite, any_number=True)

Rows = tuple[dict[str, float], ...]


@dataclass(frozen=True)
class Scan:
    """The curve of a range test, what it suggests, and the rates that were trained beside it.

    Args:
        learning_rates: One a step, ascending.
        losses: Of each step's batch; not finite where the training broke down.
        smoothed: The same, smoothed.
        steepest: Where the smoothed loss falls fastest.
        valley: Two thirds along its fall.
        suggestion: The rate to take.
        diverged: Whether the test ended before its last rate.
        sentence: Which rate, and why.
        diagnostics: The rows of history of each rate that was trained, by the rate, ascending.
    """

    learning_rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    steepest: float
    valley: float
    suggestion: float
    diverged: bool
    sentence: str
    diagnostics: dict[float, Rows]

    @property
    def drawn(self) -> dict[float, Rows]:
        """The rates that the figures show: all, or if there are too many, some from the lowest to the highest."""
        rates = list(self.diagnostics)
        kept = {rates[index] for index in evenly(len(rates), MOST_RATES)}
        return {rate: rows for rate, rows in self.diagnostics.items() if rate in kept or rate == self.suggestion}


def read_scan(folder: RunFolder, record: Mapping[str, Any]) -> Scan | None:
    """The scan of a run, `None` if it made none.

    Args:
        folder: The run's.
        record: Its checked record.

    Raises:
        RunError: scan.csv is missing or damaged.
    """
    values = record.get("scan")
    if values is None:
        return None
    folder.check_file(SCAN, record)
    with reading(folder / SCAN, "the file is damaged or missing; restore it, or scan again into a new folder"):
        rates, losses, smoothed = _read_curve(folder)
    return Scan(
        learning_rates=rates,
        losses=losses,
        smoothed=smoothed,
        steepest=float(values["steepest"]),
        valley=float(values["valley"]),
        suggestion=float(values["suggestion"]),
        diverged=values["diverged"],
        sentence=values["sentence"],
        diagnostics=dict(sorted(map(_read_diagnostic, values["diagnostics"]))),
    )


def _read_curve(folder: RunFolder) -> tuple[tuple[float, ...], ...]:
    rates, losses, smoothed = [], [], []
    for row in read_rows(folder / SCAN, COLUMNS):
        rates.append(within("learning_rate", _RATE, row["learning_rate"]))
        losses.append(within("loss", _LOSS, row["loss"]))
        smoothed.append(within("smoothed_loss", _LOSS, row["smoothed_loss"]))
        if len(rates) > 1 and rates[-1] < rates[-2]:
            raise CheckError("learning rates that rise", f"{rates[-1]:g} after {rates[-2]:g}")
    if not any(map(math.isfinite, smoothed)):
        raise CheckError("a step with a loss", "none")
    return tuple(rates), tuple(losses), tuple(smoothed)


def _read_diagnostic(values: Mapping[str, Any]) -> tuple[float, Rows]:
    names = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
    rows = tuple({name: float(row[name]) for name in names} for row in values["history"])
    return float(values["learning_rate"]), rows
