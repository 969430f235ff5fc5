"""`SearchProgress`: where a search stands, whatever engine runs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from digitlab.config import TrainConfig
from digitlab.tuning.plan import Rung


@dataclass(frozen=True)
class RungProgress:
    """Where one rung stands.

    Args:
        rung: The rung.
        trials: How many it has, as far as that is known yet; 0 while nothing is.
        ended: How many of them have ended.
        running: How many are being trained.
        best: The best score of those that ended; `None` while none has one.
    """

    rung: Rung
    trials: int
    ended: int
    running: int
    best: float | None

    @property
    def is_done(self) -> bool:
        """Whether all its trials have ended."""
        return 0 < self.trials == self.ended


@dataclass(frozen=True)
class SearchProgress:
    """Where a search stands.

    Args:
        rungs: In the order of the plan; empty while finalists are trained.
        best: The best configuration so far and its score; `None` while there is none.
        epochs: Epochs of the plan that have been trained.
        of_epochs: Epochs of the plan.
        finalists: Finalists' trainings done, and of how many; `None` before they begin.
        remaining_s: Seconds that the search may still take, by its pace so far; `None` before there is one.
    """

    rungs: tuple[RungProgress, ...]
    best: tuple[TrainConfig, float] | None
    epochs: int
    of_epochs: int
    finalists: tuple[int, int] | None
    remaining_s: float | None


Progress = Callable[[SearchProgress], None]


class Reporter:
    """Turns what a search says of itself into `SearchProgress`."""

    def __init__(self, progress: Progress | None, of_epochs: int) -> None:
        self._progress = progress
        self._of_epochs = of_epochs
        self._at_first: int | None = None
        self._started = time.perf_counter()

    @property
    def listens(self) -> bool:
        """Whether anybody wants to know."""
        return self._progress is not None

    def searched(self, rungs: tuple[RungProgress, ...], best: tuple[TrainConfig, float] | None, running: int) -> None:
        """The rungs stand so; trials that are running have trained so many epochs of theirs."""
        if self._progress is None:
            return
        done = sum(r.ended * (r.rung.last_epoch - r.rung.first_epoch) for r in rungs)
        if self._at_first is None:  # what an earlier process had done says nothing about the pace
            self._at_first, self._started = done, time.perf_counter()
        trained = done + running
        fresh = trained - self._at_first
        pace = (time.perf_counter() - self._started) / fresh if fresh else None
        remaining = None if pace is None else pace * max(0, self._of_epochs - trained)
        self._progress(SearchProgress(rungs, best, trained, self._of_epochs, None, remaining))

    def finalists_done(self, done: int, of: int) -> None:
        """So many trainings of finalists are done."""
        if self._progress is not None:
            self._progress(SearchProgress((), None, self._of_epochs, self._of_epochs, (done, of), None))
