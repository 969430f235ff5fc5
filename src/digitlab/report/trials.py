"""A run's trials as the report sees them: trials.csv."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digitlab.runs import RunFolder
from digitlab.runs.checks import CheckError, cell, finite, number, positive, reading, share, text, whole, within
from digitlab.runs.csv_file import read_rows
from digitlab.runs.layout import TRIALS
from digitlab.runs.record_checks import MOST_EPOCHS, MOST_LAYERS, MOST_UNITS
from digitlab.text import text_of_csv

COLUMNS = (
    "trial", "hidden_units", "learning_rate", "batch_size", "dropout", "weight_decay", "rung", "last_epoch", "score",
    "best_epoch", "val_loss", "error",
)  # fmt: skip
# Beside widths and learning rate, what a space may vary.
FURTHER = ("batch_size", "dropout", "distortion", "weight_decay")

_NAME, _ERROR = text(100), text(200_000)
_WIDTH = cell(whole(1, MOST_UNITS))
_EPOCH = cell(whole(0, MOST_EPOCHS))
_CELLS: dict[str, Callable[[object], float]] = {
    "learning_rate": cell(positive),
    "batch_size": cell(number(1, 1e9)),
    "dropout": cell(share),
    "distortion": cell(number(0, 1e6)),
    "weight_decay": cell(number(0, 1e6)),
    "rung": cell(whole(0, 1000)),
    "last_epoch": _EPOCH,
    "score": cell(share),
    "best_epoch": _EPOCH,
    "val_loss": cell(finite),
}


@dataclass(frozen=True)
class Trial:
    """One network in one rung.

    Args:
        name: Such as ``b2-r0-07``.
        hidden_units: Units of each hidden layer.
        learning_rate: Adam's step size.
        batch_size: Images per update.
        dropout: Share of hidden units silenced.
        distortion: How strongly images are bent.
        weight_decay: Decoupled weight decay.
        rung: Rung of its bracket, from 0.
        last_epoch: Epochs behind it when it ended.
        score: Validation accuracy of its best epoch; `None` if it failed.
        best_epoch: That epoch, from 1.
        val_loss: Validation loss of that epoch.
        error: Why it failed; empty if it did not.
    """

    name: str
    hidden_units: tuple[int, ...]
    learning_rate: float
    batch_size: float
    dropout: float
    distortion: float
    weight_decay: float
    rung: int
    last_epoch: int
    score: float | None
    best_epoch: int | None
    val_loss: float | None
    error: str = ""

    @property
    def network(self) -> tuple[object, ...]:
        """What the search chose: equal for the trials of one network, and of two drawn alike."""
        return (self.hidden_units, self.learning_rate, *(getattr(self, name) for name in FURTHER))


def read_trials(folder: RunFolder, record: dict[str, Any]) -> tuple[Trial, ...]:
    """Every trial that has ended; none if the run has not searched, or not yet to the end.

    The trials are written before the finalists are trained, so that an interrupted run may have them
    while run.json says nothing of a search.

    Raises:
        RunError: trials.csv is damaged, or missing beside a search that run.json tells of.
    """
    path = folder / TRIALS
    folder.check_file(TRIALS, record)
    if record.get("search") is None and not path.exists():
        return ()
    with reading(path, "the file is damaged or missing; restore it, or search again into a new folder"):
        return tuple(_read_trial(row) for row in read_rows(path, COLUMNS))


def _read_trial(row: Mapping[str, str]) -> Trial:
    return Trial(
        name=within("trial", _NAME, row["trial"]),
        hidden_units=_read_widths(row["hidden_units"]),
        rung=_number(row, "rung"),
        last_epoch=_number(row, "last_epoch"),
        learning_rate=_number(row, "learning_rate"),
        batch_size=_number(row, "batch_size"),
        dropout=_number(row, "dropout"),
        distortion=_number(row, "distortion") if "distortion" in row else 0.0,  # the first searches wrote none
        weight_decay=_number(row, "weight_decay"),
        score=_number(row, "score") if row["score"] else None,
        best_epoch=_number(row, "best_epoch") if row["best_epoch"] else None,
        val_loss=_number(row, "val_loss") if row["val_loss"] else None,
        error=within("error", _ERROR, text_of_csv(row["error"])),
    )


def _number(row: Mapping[str, str], name: str) -> Any:
    return within(name, _CELLS[name], row[name])


def _read_widths(content: str) -> tuple[int, ...]:
    parts = content.split("-") if content else []
    if len(parts) > MOST_LAYERS:
        raise CheckError(f"at most {MOST_LAYERS} hidden layers", str(len(parts)), ("hidden_units",))
    return tuple(within("hidden_units", _WIDTH, part) for part in parts)


def varying(trials: Sequence[Trial]) -> list[str]:
    """Which of `FURTHER` the trials differ in."""
    return [name for name in FURTHER if len({getattr(trial, name) for trial in trials}) > 1]


def best_networks(trials: Sequence[Trial], count: int) -> list[Trial]:
    """The best trial of each of the `count` best networks, the best first; ties in the order given."""
    best: dict[tuple[object, ...], Trial] = {}
    for trial in sorted((t for t in trials if t.score is not None), key=lambda t: -(t.score or 0.0)):
        best.setdefault(trial.network, trial)
    return list(best.values())[:count]
