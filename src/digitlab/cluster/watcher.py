"""`Watcher`: hears from Ray Tune what has ended, and says where the search stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray import tune

from digitlab.cluster.scheduler import EPOCHS, SCORE, STOPPED
from digitlab.cluster.trainable import FAILED, TRIAL, Work, key_of
from digitlab.config import TrainConfig
from digitlab.errors import RunError
from digitlab.tuning.plan import Rung
from digitlab.tuning.progress import Reporter, RungProgress
from digitlab.tuning.schedule import TrialKey


class Watcher(tune.Callback):  # type: ignore[misc]
    """Told by Ray Tune of every trial that begins and every rung that ends.

    Args:
        work: What all trials have in common.
        networks: By the trial of its first rung.
        reporter: Told where the search stands.
    """

    def __init__(self, work: Work, networks: Mapping[TrialKey, TrainConfig], reporter: Reporter) -> None:
        self.scores: dict[TrialKey, float | None] = {}
        self.given_up: dict[TrialKey, str] = {}
        self.stopped: RunError | None = None
        self._work, self._networks, self._reporter = work, networks, reporter

    def next_of(self, first: TrialKey) -> TrialKey:
        """The first rung of a network that has not ended."""
        rungs = [TrialKey(first.iteration, first.bracket, r.number, first.index) for r in self._work.rungs_of(first)]
        return next((key for key in rungs if key not in self.scores), rungs[-1])

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A network is taken up."""
        self._tell(trials)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A rung has ended, or a machine or a file failed."""
        if STOPPED in result:
            message, hint = result[STOPPED]
            self.stopped = RunError(message, hint=hint)
            return
        first = key_of(trial.config[TRIAL], 0)
        number = next(r.number for r in self._work.rungs_of(first) if r.last_epoch == result[EPOCHS])
        key = TrialKey(first.iteration, first.bracket, number, first.index)
        # A network that has failed before trains no further rung, though Ray asks for it.
        if key.parent is None or self.scores.get(key.parent) is not None:
            self.scores[key] = None if result[SCORE] == FAILED else float(result[SCORE])
        self._tell(trials)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Ray will not try a network again."""
        why = (str(trial.get_error() or "").strip() or "its worker was lost").splitlines()[-1]
        self.given_up[self.next_of(key_of(trial.config[TRIAL], 0))] = why

    def _tell(self, trials: list[Any]) -> None:
        if not self._reporter.listens:
            return
        running = [self.next_of(key_of(t.config[TRIAL], 0)) for t in trials if t.status == t.RUNNING]
        rungs = tuple(self._progress(rung, running) for rung in self._work.plan.rungs)
        scored = [(score, key) for key, score in self.scores.items() if score is not None]
        best = max(scored, key=lambda pair: pair[0], default=None)
        found = (self._networks[best[1].first], best[0]) if best else None
        self._reporter.searched(rungs, found, 0)

    def _progress(self, rung: Rung, running: list[TrialKey]) -> RungProgress:
        place = (rung.iteration, rung.bracket, rung.number)
        scores = [score for key, score in self.scores.items() if (key.iteration, key.bracket, key.rung) == place]
        now = sum((key.iteration, key.bracket, key.rung) == place for key in running)
        best = max((score for score in scores if score is not None), default=None)
        return RungProgress(rung, rung.trials, len(scores), now, best)
