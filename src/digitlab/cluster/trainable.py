"""`RungTrainable`: a network of a search as Ray Tune has it: an actor whose every step is one rung.

Actors are used again for other networks, so that compiled programs are kept (see `Programs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import tune

from digitlab.cluster.scheduler import EPOCHS, SCORE, STOPPED
from digitlab.cluster.trial_files import Outcome, TrialFiles
from digitlab.config import TrainConfig
from digitlab.errors import RunError
from digitlab.lanes.lane import do_job, prepare_process
from digitlab.model.blueprint import Blueprint
from digitlab.training.job import TrainData, TrainJob
from digitlab.training.programs import Programs
from digitlab.tuning.plan import Plan, Rung
from digitlab.tuning.remedy import how_to_train_again
from digitlab.tuning.schedule import TrialKey, trial_seed

# Under this name Ray Tune has what `as_parameters` gives.
TRIAL = "trial"
# What a failed trial reports, so that its bracket goes on without it: less than any accuracy.
FAILED = -1.0


@dataclass(frozen=True)
class Work:
    """What all trials of a search have in common.

    Args:
        folder: Of `TrialFiles`; every machine of the cluster must see it under this path.
        plan: Brackets and rungs.
        seed: The search's.
        num_classes: Units of the softmax layer.
    """

    folder: Path
    plan: Plan
    seed: int
    num_classes: int

    def rungs_of(self, key: TrialKey) -> list[Rung]:
        """All rungs of a trial's bracket."""
        return [r for r in self.plan.rungs if (r.iteration, r.bracket) == (key.iteration, key.bracket)]


def as_parameters(key: TrialKey, config: TrainConfig) -> dict[str, Any]:
    """A network as Ray Tune's configuration of a trial; `key` is that of its first rung."""
    return {"iteration": key.iteration, "bracket": key.bracket, "index": key.index, "network": config.to_dict()}


def key_of(parameters: dict[str, Any], rung: int) -> TrialKey:
    """The trial of a configuration in one of its rungs."""
    return TrialKey(parameters["iteration"], parameters["bracket"], rung, parameters["index"])


class RungTrainable(tune.Trainable):  # type: ignore[misc]
    """Trains a rung a step; what an earlier process has trained of it is read instead."""

    def setup(self, config: dict[str, Any], data: TrainData, work: Work) -> None:
        """Make ready for any number of networks."""
        if not work.folder.is_dir():
            raise RunError(
                f"{work.folder} is not seen from {self._local_ip}",
                hint="put --out on a file system that all machines of the cluster share",
            )
        prepare_process()
        self._data, self._work, self._files, self._programs = data, work, TrialFiles(work.folder), Programs()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up another network, at its beginning."""
        self._parameters = new_config[TRIAL]
        self._network = TrainConfig.from_mapping(self._parameters["network"])
        self._next = 0
        return True

    def step(self) -> dict[str, Any]:
        """Train the next rung, or read how it went; see `STOPPED` for what is no result."""
        key = key_of(self._parameters, self._next)
        rung = self._work.rungs_of(key)[self._next]
        try:
            outcome = self._outcome(key, rung)
        except RunError as error:  # returned and not raised: Ray would try again, and then record it of the network
            return {EPOCHS: rung.last_epoch, SCORE: FAILED, STOPPED: (error.message, error.hint)}
        self._next += 1
        best = outcome.best
        return {EPOCHS: rung.last_epoch, SCORE: FAILED if best is None else best["val_accuracy"]}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """How far the network is; its weights are in the search's folder already."""
        return {"next": self._next}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Go on from there."""
        self._next = int(checkpoint["next"]) if checkpoint else 0

    def _outcome(self, key: TrialKey, rung: Rung) -> Outcome:
        before = self._files.read(key.parent) if key.parent else None
        if before is not None and before.error:  # it goes on only where there are too few others
            return before
        found = self._files.read(key)
        if found is None:
            found = self._train(key, rung)
            self._files.write(key, found)
        return found

    def _train(self, key: TrialKey, rung: Rung) -> Outcome:
        further = key.rung + 1 < len(self._work.rungs_of(key))
        job = TrainJob(
            name=key.trial_id,
            build=Blueprint(self._network, self._work.num_classes),
            batch_size=self._network.batch_size,
            shape=self._network.shape,
            distortion=self._network.distortions,
            seed=trial_seed(self._work.seed, key),
            first_epoch=rung.first_epoch,
            last_epoch=rung.last_epoch,
            start=(start := self._files.state(key.parent) if key.parent else None),
            remedy=how_to_train_again(start.parent) if start else "",
            end=self._files.state(key) if further else None,
        )
        kind, content = do_job(job, self._data, self._programs)
        if kind == "stopped":
            raise content
        if kind == "failed":
            return Outcome((), " ".join(str(content).split()))
        return Outcome(tuple(row for row in content if row["epoch"] > rung.first_epoch))
