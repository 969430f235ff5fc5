"""`ScanResult`: the range test's curve, what it suggests, and the rates that were trained beside it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.runs import write_text
from digitlab.scan.suggest import smooth, steepest, valley

Floats = npt.NDArray[np.float64]
Rows = tuple[dict[str, float], ...]


@dataclass(frozen=True, eq=False)
class ScanResult:
    """A learning-rate range test, and the learning curves of a few rates.

    Args:
        learning_rates: One a step, ascending, [n]; up to where the loss diverged.
        losses: The loss of each step's batch, [n].
        diverged: Whether the loss rose beyond bounds before the last rate.
        diagnostics: For each rate that was trained for some epochs, its rows of history.
    """

    learning_rates: Floats
    losses: Floats
    diverged: bool
    diagnostics: dict[float, Rows] = field(default_factory=dict)

    @property
    def smoothed(self) -> Floats:
        """The losses, smoothed, [n]."""
        return smooth(self.losses)

    @property
    def steepest(self) -> float:
        """Where the smoothed loss falls fastest."""
        return steepest(self.learning_rates, self.smoothed)

    @property
    def valley(self) -> float:
        """Two thirds along its longest fall."""
        return valley(self.learning_rates, self.smoothed)

    @property
    def suggestion(self) -> float:
        """The rate to take: of those trained, the one with the lowest validation loss; without any, `valley`.

        A range test says where training is possible; which rate is best only training tells.
        """
        if not self.diagnostics:
            return self.valley
        return min(self.diagnostics, key=lambda rate: min(row["val_loss"] for row in self.diagnostics[rate]))

    def sentence(self) -> str:
        """Which rate, and why."""
        test = (
            f"In the range test the loss falls fastest at {self.steepest:.2g} (steepest descent), and two thirds along"
            f" its fall lies {self.valley:.2g} (valley)"
        )
        if not self.diagnostics:
            return f"{test}; {self.suggestion:.2g} is suggested."
        best = min(self.diagnostics[self.suggestion], key=lambda row: row["val_loss"])
        epochs = len(next(iter(self.diagnostics.values())))
        others = ", ".join(
            f"{min(row['val_loss'] for row in rows):.4f} at {rate:g}"
            for rate, rows in self.diagnostics.items()
            if rate != self.suggestion
        )
        return (
            f"{test}. Of the rates trained for {epochs} epochs, {self.suggestion:g} reached the lowest validation loss,"
            f" {best['val_loss']:.4f}{f' (against {others})' if others else ''}: it is suggested."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the curve itself, which scan.csv holds."""
        return {
            "suggestion": self.suggestion,
            "steepest": self.steepest,
            "valley": self.valley,
            "diverged": self.diverged,
            "steps": len(self.losses),
            "sentence": self.sentence(),
            "diagnostics": [{"learning_rate": rate, "history": list(rows)} for rate, rows in self.diagnostics.items()],
        }


def write_scan(result: ScanResult, path: Path) -> None:
    """scan.csv: a row a step of the range test."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("step", "learning_rate", "loss", "smoothed_loss"))
    for step, row in enumerate(zip(result.learning_rates, result.losses, result.smoothed, strict=True), start=1):
        writer.writerow((step, *(f"{value:.9g}" for value in row)))
    write_text(path, text.getvalue())
