"""The callbacks of a training that digitlab itself starts: clock, history, best model, progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from digitlab.model.backend import keras
from digitlab.runs import RunFolder, atomic_path
from digitlab.runs.checks import Check, any_number, optional, whole
from digitlab.training.job import Row

Logs = dict[str, Any]


@dataclass(frozen=True)
class EpochProgress:
    """What is known after an epoch; `epoch` counts from 1, durations are in seconds.

    Args:
        epoch: The epoch that has just ended, 0 before the first.
        epochs: The most that may follow; early stopping may end sooner.
        row: The epoch's row of history.csv, empty before the first.
        best_epoch: The epoch that would be kept if training ended now, `None` without validation.
        remaining_s: The most time that may remain, by the median epoch so far; `None` before the first.
    """

    epoch: int
    epochs: int
    row: Row
    best_epoch: int | None
    remaining_s: float | None


Progress = Callable[[EpochProgress], None]


class Recorder(keras.callbacks.Callback):  # type: ignore[misc]
    """Times each epoch (training and validation, no other callback) and keeps its row of history.csv.

    Args:
        rows: Appended to; a row for every finished epoch.
        folder: Where history.csv is written after each epoch; `None` writes nothing.
    """

    def __init__(self, rows: list[Row], folder: RunFolder | None) -> None:
        super().__init__()
        self.rows = rows
        self.folder = folder
        self._started = 0.0

    def get_state(self) -> Logs:
        """Nothing: the rows are kept by whoever owns them."""
        return {}

    def set_state(self, state: Logs) -> None:
        """Nothing to put back."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Stop it, and add the epoch's row."""
        duration = time.perf_counter() - self._started
        row = {"epoch": float(epoch + 1), **{k: float(v) for k, v in (logs or {}).items()}}
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        row["duration_s"] = round(duration, 4)
        self.rows.append(row)
        if self.folder is not None:
            self.folder.write_history(self.rows)


class BestModel(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the model whenever ``val_loss`` falls to a new low; without validation, after every epoch.

    Unlike `keras.callbacks.ModelCheckpoint` it writes beside and renames, and remembers its best value
    on a resume.

    Args:
        path: The ``.keras`` file; `None` only keeps count of the best epoch.
    """

    state_checks: ClassVar[dict[str, Check[Any]]] = {"best": any_number, "best_epoch": optional(whole(1))}

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self.path = path
        self.best = math.inf
        self.best_epoch: int | None = None

    def get_state(self) -> Logs:
        """The lowest loss so far and its epoch."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def set_state(self, state: Logs) -> None:
        """Go on from an earlier `get_state`."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save, if this epoch is the best so far."""
        val_loss = (logs or {}).get("val_loss")
        if val_loss is not None:
            if not val_loss < self.best:
                return
            self.best, self.best_epoch = float(val_loss), epoch + 1
        if self.path is not None:
            save_model(self.model, self.path)


class Reporter(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells a function about every epoch.

    Args:
        progress: Called before the first epoch and after each.
        rows: The rows so far.
        best: Knows the best epoch.
        epochs: The most epochs there may be.
    """

    def __init__(self, progress: Progress, rows: list[Row], best: BestModel, epochs: int) -> None:
        super().__init__()
        self.progress, self.rows, self.best, self.epochs = progress, rows, best, epochs

    def get_state(self) -> Logs:
        """Nothing: everything it tells is others'."""
        return {}

    def set_state(self, state: Logs) -> None:
        """Nothing to put back."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Tell where training stands; after a resume that is not at the beginning."""
        self._tell()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Tell about the epoch."""
        self._tell()

    def _tell(self) -> None:
        done = len(self.rows)
        durations = sorted(row["duration_s"] for row in self.rows)
        # The first epoch compiles, so the median says more about the next than the mean does.
        remaining = durations[done // 2] * (self.epochs - done) if done else None
        self.progress(EpochProgress(done, self.epochs, self.rows[-1] if done else {}, self.best.best_epoch, remaining))


def save_model(model: Any, path: Path) -> None:
    """Write a ``.keras`` file, whole or not at all."""
    with atomic_path(path) as temporary:
        model.save(temporary)
