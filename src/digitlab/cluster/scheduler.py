"""`make_scheduler`: Ray Tune's own Hyperband or ASHA, one step of a trial being one rung."""

from __future__ import annotations

from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, HyperBandScheduler, TrialScheduler

from digitlab.tuning.config import SearchConfig

# What a trial reports of a rung that it has ended.
EPOCHS, SCORE = "epochs", "score"
# What it reports where a machine or a file failed: message and hint of an error that ends the search.
STOPPED = "stopped"


class LossProofHyperBand(HyperBandScheduler):  # type: ignore[misc]
    """Ray's Hyperband, in which a trial keeps its place when the machine that trained it is lost.

    Ray takes a trial that it will try again out of its bracket and puts it into another, where it begins at another
    rung; and the trials that waited for it may wait for ever (`_Bracket.is_being_processed` is never taken back). Here
    nothing changes until the trial is back with its result.
    """

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Only a trial that is not tried again leaves its bracket."""
        if not _is_tried_again(trial):
            super().on_trial_error(tune_controller, trial)

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Only a trial that has no place yet is given one."""
        if trial not in self._trial_info:
            super().on_trial_add(tune_controller, trial)


class StopOnFailure(tune.Stopper):  # type: ignore[misc]
    """Ends the search when a trial reports that a machine or a file failed."""

    def __init__(self) -> None:
        self._failed = False

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether the trial is to end; it only looks at the result."""
        self._failed = self._failed or STOPPED in result
        return False

    def stop_all(self) -> bool:
        """Whether the search is to end."""
        return self._failed


def make_scheduler(config: SearchConfig) -> TrialScheduler:
    """The scheduler of a search."""
    if config.scheduler == "asha":
        return ASHAScheduler(EPOCHS, max_t=config.max_epochs, reduction_factor=config.factor, grace_period=1)
    return LossProofHyperBand(EPOCHS, max_t=config.max_epochs, reduction_factor=config.factor)


def _is_tried_again(trial: Any) -> bool:
    return bool(trial.status == trial.RUNNING and trial.should_recover())
