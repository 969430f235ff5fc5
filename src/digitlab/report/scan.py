"""A run's learning-rate scan as the report sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from digitlab.report.reading import positive, read_rows, reading
from digitlab.runs import RunFolder

COLUMNS = ("step", "learning_rate", "loss", "smoothed_loss")

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


def read_scan(folder: RunFolder, record: dict[str, Any]) -> Scan | None:
    """The scan of a run, `None` if it made none.

    Raises:
        RunError: scan.csv is missing or damaged, or run.json is.
    """
    told = record.get("scan")
    if told is None:
        return None
    with reading(folder / "scan.csv", "the file is damaged or missing; restore it, or scan again into a new folder"):
        rates, losses, smoothed = _read_curve(folder)
    with reading(folder.record_path, "the file is damaged; restore it, or scan again into a new folder"):
        return Scan(
            learning_rates=rates,
            losses=losses,
            smoothed=smoothed,
            steepest=positive(told["steepest"]),
            valley=positive(told["valley"]),
            suggestion=positive(told["suggestion"]),
            diverged=bool(told["diverged"]),
            sentence=str(told["sentence"]),
            diagnostics=dict(sorted(map(_read_diagnostic, told["diagnostics"]))),
        )


def _read_curve(folder: RunFolder) -> tuple[tuple[float, ...], ...]:
    rows = read_rows(folder / "scan.csv", COLUMNS)
    if not any(math.isfinite(float(row["smoothed_loss"])) for row in rows):
        msg = "no step with a loss"
        raise ValueError(msg)
    rates = tuple(positive(row["learning_rate"]) for row in rows)
    return rates, *(tuple(float(row[name]) for row in rows) for name in ("loss", "smoothed_loss"))


def _read_diagnostic(told: dict[str, Any]) -> tuple[float, Rows]:
    names = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
    rows = tuple({name: float(row[name]) for name in names} for row in told["history"])
    return positive(told["learning_rate"]), rows
