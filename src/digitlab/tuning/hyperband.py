"""`Hyperband`: KerasTuner's tuner, its trials trained in lanes, its search never lost."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.config import Distortion
from digitlab.errors import RunError, UsageError
from digitlab.lanes.lanes import Ended, Lanes, Progressed
from digitlab.runs import RunFolder, available_cores, deciding_versions, describe_versions
from digitlab.runs.layout import SEARCH
from digitlab.training.job import Row, TrainData, TrainJob
from digitlab.tuning.identity import claim_search
from digitlab.tuning.kerastuner import TrialStatus, keras_tuner
from digitlab.tuning.oracle import ScheduledOracle
from digitlab.tuning.plan import Plan, plan_hyperband
from digitlab.tuning.remedy import how_to_train_again
from digitlab.tuning.schedule import TrialKey, trial_seed

# Best networks whose weights are kept, whatever became of their trials.
WEIGHTS_KEPT = 5

Builder = Callable[[], Any]
Listener = Callable[["Hyperband"], None]


class Hyperband(keras_tuner.Hyperband):  # type: ignore[misc]
    """KerasTuner's Hyperband, exact and resumable.

    It is used as its parent is: ``tuner = Hyperband(build, objective="val_accuracy", ...)``,
    ``tuner.search(x, y, validation_data=(x, y), batch_size=32)``, `results_summary`,
    `get_best_hyperparameters`, `get_best_models`. Every trial runs in a process of its own lane, an epoch
    one compiled program. Killed at any moment, the same calls go on and come to the same result.

    Args:
        hypermodel: A `keras_tuner.HyperModel` or a function from `HyperParameters` to a compiled model.
            Lanes are other processes: it must be picklable, as a function at a module's top level is.
        objective: As KerasTuner takes it.
        max_epochs: Epochs of a network that reaches the end.
        factor: Of how many networks one goes on.
        hyperband_iterations: How often all brackets are gone through.
        seed: Decides every trial's values, initial weights and order of images.
        hyperparameters: A `keras_tuner.HyperParameters` to begin with.
        lanes: Processes, one thread each; by default one for every core. The result does not depend on it.
        configurations: How many the space holds, where known, so that the plan is exact.
        listener: Called whenever a trial has begun, has ended an epoch or has ended.
        **more: The parent's other arguments: ``directory``, ``project_name``, ``overwrite``,
            ``tune_new_entries``, ``allow_new_entries``, ``max_model_size``, ``loss`` and so on.

    Raises:
        UsageError: Several objectives, or an argument of the parent's that lanes know nothing of.
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = "val_accuracy",
        max_epochs: int = 100,
        factor: int = 3,
        hyperband_iterations: int = 1,
        seed: int = 0,
        hyperparameters: Any = None,
        *,
        lanes: int | None = None,
        configurations: int | None = None,
        listener: Listener | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        **more: Any,
    ) -> None:
        self.plan: Plan = plan_hyperband(
            max_epochs, factor, iterations=hyperband_iterations, configurations=configurations
        )
        self.lanes = available_cores() if lanes is None else lanes
        self.listener = listener
        self.rows: dict[str, list[Row]] = {}
        oracle = ScheduledOracle(
            self.plan,
            objective=objective,
            seed=seed,
            hyperparameters=hyperparameters,
            max_epochs=max_epochs,
            factor=factor,
            hyperband_iterations=hyperband_iterations,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
        )
        oracle.verbose = 0
        _refuse(oracle.objective, more)
        # Not the parent's own __init__, which would make an oracle of its own.
        keras_tuner.Tuner.__init__(self, oracle=oracle, hypermodel=hypermodel, **more)

    def search(
        self,
        x: npt.NDArray[Any],
        y: npt.NDArray[Any],
        *,
        validation_data: tuple[npt.NDArray[Any], npt.NDArray[Any]],
        batch_size: int = 32,
        data_fingerprint: str | None = None,
        pool: Lanes | None = None,
    ) -> None:
        """Run the search, or what is left of it.

        Args:
            x: Images to train on.
            y: Labels as the models' loss wants them.
            validation_data: (x, y) that every trial is scored on.
            batch_size: Images per update; a hyperparameter called ``batch_size`` goes over it.
            data_fingerprint: What stands for the data in the search's record; by default their SHA-256.
            pool: Lanes over the same data that are there already; by default lanes of the search's own.

        Raises:
            RunError: The folder holds a search of another space, plan, data or software, or is in use.
            MachineError: The machine failed. Nothing is recorded of the trials that it stopped.
            UsageError: The hypermodel cannot be sent to another process, or no epoch has the objective.
        """
        data = TrainData(x, y, validation_data)
        fingerprint = data_fingerprint or _fingerprint(data)
        self._image_shape = x.shape[1:]
        with RunFolder(Path(self.project_dir)).lock(SEARCH):
            self._open(self._identity(fingerprint, batch_size))
            if self.oracle.schedule.ready():
                own = pool or Lanes(data, self.lanes, main_module=self._needs_main())
                with own if pool is None else contextlib.nullcontext():
                    self._run(own, batch_size)
            self._sweep()
        if not any(trial.status == TrialStatus.COMPLETED for trial in self.oracle.trials.values()):
            failed = next((t.message for t in self.oracle.trials.values() if t.message), "no trial was run")
            why = " ".join(str(failed).split())
            raise RunError(f"every trial of the search failed, the first with: {why}", hint="try a smaller space")

    def _run(self, lanes: Lanes, batch_size: int) -> None:
        schedule = self.oracle.schedule
        while schedule.ready() or lanes.busy:
            for number in lanes.idle:
                if ready := schedule.ready():
                    self._begin(lanes, number, self._choose(lanes, number, ready), batch_size)
            for event in lanes.events():
                self._hear(event)

    def _choose(self, lanes: Lanes, number: int, ready: list[TrialKey]) -> TrialKey:
        """One that the lane need not compile for; else one that no lane need, so that none waits for two."""
        shapes = {key: self._shape(key) for key in ready}
        others = [n for n in range(lanes.count) if n != number]
        return min(
            ready,
            key=lambda key: (
                not lanes.knows(number, shapes[key]),
                any(lanes.knows(other, shapes[key]) for other in others),
                ready.index(key),
            ),
        )

    def _shape(self, key: TrialKey) -> str:
        values = self.oracle.values_of(key)
        if hasattr(self.hypermodel, "shape_of"):
            return str(self.hypermodel.shape_of(values))
        return json.dumps(
            {k: v for k, v in values.items() if k != "learning_rate" and not k.startswith("tuner/")}, sort_keys=True
        )

    def _begin(self, lanes: Lanes, number: int, key: TrialKey, batch_size: int) -> None:
        trial = self.oracle.begin(key, f"lane-{number}")
        rung = self.oracle.schedule.rung_of(key)
        self.rows[trial.trial_id] = []
        job = TrainJob(
            name=trial.trial_id,
            build=self._builder(trial.hyperparameters),
            batch_size=trial.hyperparameters.values.get("batch_size", batch_size),
            shape=self._shape(key),
            distortion=self._distortion(trial.hyperparameters),
            seed=trial_seed(self.oracle.seed, key),
            first_epoch=rung.first_epoch,
            last_epoch=rung.last_epoch,
            start=(start := self._state_path(key.parent.trial_id) if key.parent else None),
            remedy=how_to_train_again(start.parent) if start else "",
            end=self._state_path(trial.trial_id) if rung.last_epoch < self.oracle.max_epochs else None,
            weights=Path(self._get_checkpoint_fname(trial.trial_id)),
            monitor=self.oracle.objective.name,
            mode=self.oracle.objective.direction,
        )
        lanes.give(number, job)
        self._tell()

    def _distortion(self, hyperparameters: Any) -> Distortion:
        if hasattr(self.hypermodel, "config_for"):
            return self.hypermodel.config_for(hyperparameters).distortions  # type: ignore[no-any-return]
        return Distortion(bend=float(hyperparameters.values.get("distortion", 0.0)))

    def _builder(self, hyperparameters: Any) -> Builder:
        """What builds a trial's network in a lane."""
        if hasattr(self.hypermodel, "builder"):
            return self.hypermodel.builder(hyperparameters)  # type: ignore[no-any-return]
        return _Builder(self, hyperparameters)

    def _hear(self, event: Progressed | Ended) -> None:
        if isinstance(event, Progressed):
            self.rows[event.job.name].append(event.row)
            self._tell()
            return
        trial = self.oracle.trials[event.job.name]
        if event.error is None:
            own = [row for row in event.rows if row["epoch"] > event.job.first_epoch]
            _refuse_missing(self.oracle.objective.name, own[-1])
            for row in own:
                _record(trial, row, self.oracle.objective)
            self.rows[trial.trial_id] = own
            trial.status = TrialStatus.COMPLETED
        else:
            trial.status, trial.message = TrialStatus.FAILED, event.error
        self.oracle.end_trial(trial)
        self._sweep()
        self._tell()

    def _tell(self) -> None:
        if self.listener is not None:
            self.listener(self)

    def _sweep(self) -> None:
        """Remove the checkpoints that nothing goes on from, and the weights of all but the best trials."""
        kept = {trial.trial_id for trial in self.oracle.get_best_trials(WEIGHTS_KEPT)}
        for trial_id, key in self.oracle.keys.items():
            if key not in self.oracle.schedule.scores:
                continue
            if not self.oracle.schedule.needed(key):
                self._state_path(trial_id).unlink(missing_ok=True)
            if trial_id not in kept:
                Path(self._get_checkpoint_fname(trial_id)).unlink(missing_ok=True)

    def _state_path(self, trial_id: str) -> Path:
        return Path(self.project_dir) / f"trial_{trial_id}" / "state.npz"

    def _needs_main(self) -> bool:
        """Whether lanes must import the script that is run; raises where the hypermodel cannot be sent at all."""
        if hasattr(self.hypermodel, "builder"):
            return False
        try:
            return b"__main__" in pickle.dumps(self.hypermodel)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UsageError(
                f"the hypermodel cannot be sent to the lanes' processes: {error}",
                hint="define the function or class that builds the model at the top level of a module",
            ) from error

    def _identity(self, fingerprint: str, batch_size: int) -> dict[str, Any]:
        return {
            "space": self.oracle.get_space().get_config()["space"],
            "plan": {"max_epochs": self.oracle.max_epochs, "factor": self.oracle.factor},
            "iterations": self.oracle.hyperband_iterations,
            "objective": [self.oracle.objective.name, self.oracle.objective.direction],
            "seed": self.oracle.seed,
            "batch size": batch_size,
            "fixed settings": getattr(self.hypermodel, "settings", None),
            "data": fingerprint,
            "software": deciding_versions(describe_versions()),
        }

    def _open(self, identity: dict[str, Any]) -> None:
        """Make the folder this search's, and go on with what is there of it."""
        if claim_search(Path(self.project_dir), identity) and not self.oracle.trials:
            self.oracle.take_up()

    def load_model(self, trial: Any) -> Any:
        """A trial's network, with the weights of its best epoch."""
        model = self._try_build(trial.hyperparameters)
        if not model.built:
            model.build((None, *self._image_shape))
        model.optimizer.build(model.trainable_variables)  # the file holds its state too
        model.load_weights(self._get_checkpoint_fname(trial.trial_id))
        return model

    def _build_hypermodel(self, hp: Any) -> Any:
        # Not the parent's own, which loads into the network what the rung before has left.
        return keras_tuner.Tuner._build_hypermodel(self, hp)

    def save(self) -> None:
        """Nothing: all that a search must remember is in its trials' files."""


class _Builder(keras_tuner.Tuner):  # type: ignore[misc]
    """Builds a trial's network in a lane: as much of KerasTuner's tuner as that takes."""

    def __init__(self, tuner: Hyperband, hyperparameters: Any) -> None:
        for name in ("hypermodel", "optimizer", "loss", "metrics", "max_model_size", "distribution_strategy"):
            setattr(self, name, getattr(tuner, name))
        self._config = hyperparameters.get_config()

    def __call__(self) -> Any:
        model = self._build_hypermodel(keras_tuner.HyperParameters.from_config(self._config))
        size = model.count_params() if model.built else 0
        if self.max_model_size and size > self.max_model_size:
            raise keras_tuner.errors.FailedTrialError(f"Oversized model: {size} parameters. Skip model.")
        return model


def _refuse(objective: Any, more: dict[str, Any]) -> None:
    if hasattr(objective, "objectives"):
        raise UsageError(
            f"expected one objective, got {', '.join(o.name for o in objective.objectives)}",
            hint="name one of them, such as objective='val_accuracy'",
        )
    for name, value in (("executions_per_trial", 1), ("distribution_strategy", None)):
        if more.get(name, value) != value:
            raise UsageError(
                f"{name}: expected {value}, got {more[name]!r}", hint=f"leave {name} out: each trial is one lane's"
            )


def _refuse_missing(objective: str, row: Row) -> None:
    if objective not in row:
        raise UsageError(
            f"expected the objective {objective!r} among an epoch's values, got {', '.join(row)}",
            hint="add it to the model's metrics, or name another objective",
        )


def _record(trial: Any, row: Row, objective: Any) -> None:
    for name, value in row.items():
        if name == "epoch":
            continue
        if not trial.metrics.exists(name):
            direction = objective.direction if name == objective.name else None
            trial.metrics.register(name, direction=direction or ("max" if "accuracy" in name else "min"))
        trial.metrics.update(name, value, step=int(row["epoch"]))


def _fingerprint(data: TrainData) -> str:
    digest = hashlib.sha256()
    for array in (data.x, data.y, *(data.validation or ())):
        digest.update(repr((array.shape, str(array.dtype))).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
