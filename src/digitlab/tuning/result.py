"""`SearchResult`: what a search found, and its table of trials."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitlab.config import TrainConfig
from digitlab.runs import write_text
from digitlab.text import csv_text
from digitlab.tuning.finalists import SEARCHED, Choice, Finalist
from digitlab.tuning.plan import Plan

COLUMNS = (
    "trial", "iteration", "bracket", "rung", "index", "seed", "status", "hidden_units", "learning_rate", "batch_size",
    "dropout", "distortion", "weight_decay", "first_epoch", "last_epoch", "score", "best_epoch", "val_loss",
    "duration_s", "error",
)  # fmt: skip


@dataclass(frozen=True)
class TrialRecord:
    """One trial: a network in one rung.

    Args:
        trial: Its name, such as ``b2-r0-07``.
        iteration: Pass over all brackets, from 0.
        bracket: Bracket number; 0 is plain random search.
        rung: Rung of the bracket, from 0.
        index: Which of the bracket's configurations.
        seed: The network's seed.
        config: The network.
        first_epoch: Epochs behind it when it began.
        last_epoch: Epochs behind it when it ended.
        score: Validation accuracy of its best epoch; `None` if it failed.
        best_epoch: That epoch, from 1.
        val_loss: Validation loss of that epoch.
        history: A row an epoch of this trial alone, with loss, accuracy, val_loss and val_accuracy.
        duration_s: Seconds of training and validation.
        error: Why it failed, one line; empty if it did not.
    """

    trial: str
    iteration: int
    bracket: int
    rung: int
    index: int
    seed: int
    config: TrainConfig
    first_epoch: int
    last_epoch: int
    score: float | None
    best_epoch: int | None
    val_loss: float | None
    history: tuple[dict[str, float], ...]
    duration_s: float
    error: str = ""

    def to_row(self) -> dict[str, Any]:
        """A row of trials.csv; an error that a spreadsheet would take for a formula begins with an apostrophe."""
        units = "-".join(map(str, self.config.hidden_units))
        values = {name: getattr(self.config, name) for name in SEARCHED if name != "hidden_units"}
        return {
            **{name: getattr(self, name) for name in COLUMNS if hasattr(self, name)},
            **values,
            "status": "failed" if self.score is None else "completed",
            "hidden_units": units,
            "error": csv_text(self.error),
            "duration_s": round(self.duration_s, 3),
        }


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found.

    Args:
        plan: What was to be done.
        trials: Every trial, in the order of the plan.
        choice: The winner and how sure it is.
        finalists: All that were trained again, in the search's order.
        path: The run folder, `None` if nothing was kept.
        duration_s: Seconds in all.
    """

    plan: Plan
    trials: tuple[TrialRecord, ...]
    choice: Choice
    finalists: tuple[Finalist, ...]
    path: Path | None
    duration_s: float

    @property
    def best(self) -> Finalist:
        """The winner."""
        return self.choice.winner

    @property
    def epochs(self) -> int:
        """Epochs trained, in the search and by the finalists."""
        searched = sum(len(trial.history) for trial in self.trials)
        return searched + sum(sum(finalist.epochs) for finalist in self.finalists)

    @property
    def failed(self) -> list[TrialRecord]:
        """The trials that failed."""
        return [trial for trial in self.trials if trial.score is None]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for run.json, without the trials, which trials.csv holds."""
        return {
            "plan": [dataclasses.asdict(rung) for rung in self.plan.rungs],
            "trials": len(self.trials),
            "epochs": self.epochs,
            "failed": [{"trial": trial.trial, "error": trial.error} for trial in self.failed],
            "finalists": [finalist.to_dict() for finalist in self.finalists],
            "choice": self.choice.to_dict(),
            "best": {
                "hidden_units": list(self.best.config.hidden_units),
                "learning_rate": self.best.config.learning_rate,
                "validation_accuracy": self.best.mean_accuracy,
            },
        }


def write_trials(trials: Sequence[TrialRecord], path: Path) -> None:
    """trials.csv: a row a trial."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(trial.to_row() for trial in trials)
    write_text(path, text.getvalue())
