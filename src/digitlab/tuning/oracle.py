"""`ScheduledOracle`: KerasTuner's Hyperband oracle, its choices made by `Schedule`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from digitlab.runs import RunFolder, write_text
from digitlab.runs.checks import (
    CheckError,
    fields,
    finite,
    list_of,
    mapping_of,
    one_of,
    optional,
    reading,
    shown,
    text,
    whole,
)
from digitlab.runs.checksums import check_checksum, with_checksum
from digitlab.runs.json_file import read_json
from digitlab.tuning.draw import Values, draw_configurations
from digitlab.tuning.kerastuner import Trial, TrialStatus, keras_tuner
from digitlab.tuning.plan import Plan, Rung
from digitlab.tuning.remedy import how_to_train_again
from digitlab.tuning.schedule import Schedule, TrialKey

_observation = fields({"value": list_of(finite, least=1, most=1), "step": whole(0, 10**6)})
_metric = fields({"direction": one_of("min", "max"), "observations": list_of(_observation)})


def _completed_trial(values: dict[str, Any]) -> dict[str, Any]:
    return fields({"score": finite, "best_step": whole(0, 10**6)})(values)


def check_trial(value: object) -> dict[str, Any]:
    """Check what trial.json holds, as far as anything but KerasTuner's own hyperparameters is concerned.

    Raises:
        CheckError: Names the key whose value KerasTuner does not write.
    """
    checked = _trial(value)
    return _completed_trial(checked) if checked["status"] == TrialStatus.COMPLETED else checked


_trial = fields(
    {
        "trial_id": text(100),
        "status": one_of("RUNNING", "IDLE", "INVALID", "STOPPED", "COMPLETED", "FAILED"),
        "hyperparameters": fields({"space": list_of(fields({})), "values": mapping_of(lambda value: value)}),
        "metrics": fields({"metrics": mapping_of(_metric, most=100)}),
        "score": optional(finite),
        "best_step": optional(whole(0, 10**6)),
        "message": optional(text(10**6)),
    }
)


class ScheduledOracle(keras_tuner.oracles.HyperbandOracle):  # type: ignore[misc]
    """KerasTuner's oracle as far as spaces, trials and scores go; what runs when is `Schedule`'s.

    It differs from its parent in what the parent's results depend on or lose: a rung promotes only when
    all its trials have ended; a trial's values and name come from (seed, bracket, index); a failed trial
    takes no other's place; a space smaller than a rung runs to the end with what there is; and every file
    appears whole or not at all.

    Args:
        plan: Brackets and rungs.
        objective: As KerasTuner takes it, such as ``"val_accuracy"``.
        seed: Decides every trial's values.
        hyperparameters: A `keras_tuner.HyperParameters` to begin with.
        **more: The parent's other arguments.
    """

    def __init__(self, plan: Plan, *, objective: Any, seed: int, hyperparameters: Any = None, **more: Any) -> None:
        super().__init__(objective=objective, seed=seed, hyperparameters=hyperparameters, **more)
        self.seed = seed  # the parent takes 0 for none and draws one
        self.plan = plan
        self.keys: dict[str, TrialKey] = {}
        self._schedule: Schedule | None = None
        self._configurations: dict[tuple[int, int], list[Values]] = {}

    @property
    def schedule(self) -> Schedule:
        """The state of the search; made when it is first asked for, since the space must be known."""
        if self._schedule is None:
            self._configurations = draw_configurations(self.plan, self.hyperparameters, self.seed)
            sizes = {bracket: len(drawn) for bracket, drawn in self._configurations.items()}
            self._schedule = Schedule(self.plan, sizes, maximise=self.objective.direction == "max")
        return self._schedule

    def values_of(self, key: TrialKey) -> dict[str, Any]:
        """The hyperparameters of a trial, with KerasTuner's own entries for its rung."""
        rung = self.schedule.rung_of(key)
        values = {
            **self._configurations[key.iteration, key.bracket][key.index],
            "tuner/epochs": rung.last_epoch,
            "tuner/initial_epoch": rung.first_epoch,
            "tuner/bracket": key.bracket,
            "tuner/round": key.rung,
        }
        if key.parent is not None:
            values["tuner/trial_id"] = key.parent.trial_id
        return values

    def begin(self, key: TrialKey, tuner_id: str) -> Any:
        """The `Trial` of one of ``schedule.ready()``, from now on running as `tuner_id`'s."""
        hyperparameters = self.hyperparameters.copy()
        hyperparameters.values = self.values_of(key)
        trial = Trial(hyperparameters=hyperparameters, trial_id=key.trial_id, status=TrialStatus.RUNNING)
        self._record_values(trial)
        self.keys[trial.trial_id] = key
        self.schedule.running.add(key)
        self.ongoing_trials[tuner_id] = self.trials[trial.trial_id] = trial
        self.start_order.append(trial.trial_id)
        self._display.on_trial_begin(trial)
        return trial

    @keras_tuner.synchronized  # type: ignore[untyped-decorator,unused-ignore]
    def create_trial(self, tuner_id: str) -> Any:
        """KerasTuner's own question: the next trial, or that there is none now, or none any more."""
        if tuner_id in self.ongoing_trials:
            return self.ongoing_trials[tuner_id]
        if ready := self.schedule.ready():
            return self.begin(ready[0], tuner_id)
        status = TrialStatus.IDLE if self.ongoing_trials else TrialStatus.STOPPED
        return Trial(hyperparameters=self.hyperparameters.copy(), trial_id="none", status=status)

    @keras_tuner.synchronized  # type: ignore[untyped-decorator,unused-ignore]
    def end_trial(self, trial: Any) -> None:
        """Score the trial, write it down, and let the schedule know."""
        super().end_trial(trial)
        trial = self.trials[trial.trial_id]
        self.schedule.record(self.keys[trial.trial_id], trial.score if _completed(trial) else None)

    def get_best_trials(self, num_trials: int = 1) -> list[Any]:
        """The best trials, then those without a score; equal ones in the order of the plan, not of time."""
        sign = -1 if self.objective.direction == "max" else 1
        trials = sorted(self.trials.values(), key=lambda trial: self._place(self.keys[trial.trial_id]))
        best = sorted(filter(_completed, trials), key=lambda trial: sign * trial.score)
        return [*best, *(trial for trial in trials if not _completed(trial))][:num_trials]

    def _place(self, key: TrialKey) -> tuple[int, int]:
        return self.plan.rungs.index(self.schedule.rung_of(key)), key.index

    def take_up(self) -> None:
        """Go on with the trials that an earlier process ended in this folder; what it had begun is forgotten.

        Raises:
            RunError: A trial's file is damaged, or is none of this search's.
        """
        wanted = {key.trial_id: key for rungs in self.plan.brackets for key in _keys_of(rungs)}
        found = {}
        for path in sorted(RunFolder(self._project_dir).path.glob("trial_*/trial.json")):
            with reading(path, how_to_train_again(path.parent), "a trial of this search"):
                state = check_checksum(check_trial(read_json(path)))
                key = wanted[state["trial_id"]]
                trial = Trial.from_state(state)
                trial.score = None if trial.score is None else float(trial.score)
                self._refuse_other_values(key, trial)
                found[key] = trial
        for key, trial in sorted(found.items()):
            if trial.status not in (TrialStatus.COMPLETED, TrialStatus.FAILED):
                continue
            self.keys[trial.trial_id] = key
            self.trials[trial.trial_id] = trial
            self.start_order.append(trial.trial_id)
            self.end_order.append(trial.trial_id)
            self._record_values(trial)
            self.schedule.record(key, trial.score if _completed(trial) else None)

    def _refuse_other_values(self, key: TrialKey, trial: Any) -> None:
        """Raise `CheckError` unless the trial has the values that this search gives to the trial `key`."""
        for name, value in self.values_of(key).items():
            if trial.hyperparameters.values.get(name) != value:
                raise CheckError(shown(value), shown(trial.hyperparameters.values.get(name)), ("hyperparameters", name))
        if _completed(trial) and not _steps(trial, self.objective.name):
            raise CheckError(f"the scores {self.objective.name}", "none", ("metrics",))

    def save(self) -> None:
        """Nothing: all that a search must remember is in its trials' files."""

    def reload(self) -> None:
        """What KerasTuner calls where it finds an earlier search."""
        self.take_up()

    def _save_trial(self, trial: Any) -> None:
        path = RunFolder(self._project_dir) / f"trial_{trial.trial_id}" / "trial.json"
        state = json.loads(json.dumps(trial.get_state(), default=_plain))
        write_text(path, json.dumps(with_checksum(state)) + "\n")

    def _check_consecutive_failures(self) -> None:
        """Nothing: the parent gives the search up after three failures in a row, whatever was reached."""


def _steps(trial: Any, metric: str) -> list[int]:
    """The epochs that a trial has a metric of."""
    exists = trial.metrics.exists(metric)
    return [observation.step for observation in trial.metrics.get_history(metric)] if exists else []


def _completed(trial: Any) -> bool:
    return bool(trial.status == TrialStatus.COMPLETED)


def _keys_of(rungs: list[Rung]) -> list[TrialKey]:
    """Every trial that a bracket may have: in a later rung any of its configurations may turn up."""
    return [TrialKey(r.iteration, r.bracket, r.number, index) for r in rungs for index in range(rungs[0].trials)]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
