"""`search_in`: from a split and a space to a winner. The story of a search on one machine, from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from digitlab.config import TrainConfig
from digitlab.data.split import Split
from digitlab.lanes.lanes import Lanes
from digitlab.runs import available_cores
from digitlab.runs.checks import reading
from digitlab.runs.layout import TRIALS
from digitlab.training.held_out import train_data
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.curves import write_curves
from digitlab.tuning.finalists import FOLDER, Doer, Finalist, choose, train_finalists
from digitlab.tuning.hyperband import Hyperband
from digitlab.tuning.hypermodel import MLPHyperModel
from digitlab.tuning.kerastuner import TrialStatus
from digitlab.tuning.plan import Rung, plan_hyperband
from digitlab.tuning.progress import Progress, Reporter, RungProgress
from digitlab.tuning.result import SearchResult, TrialRecord, write_trials
from digitlab.tuning.schedule import Schedule, TrialKey, trial_seed
from digitlab.tuning.space import SearchSpace


def search_in(
    folder: Path,
    split: Split,
    space: SearchSpace,
    config: SearchConfig,
    *,
    lanes: int | None = None,
    pool: Lanes | None = None,
    progress: Progress | None = None,
    keep: bool = True,
) -> SearchResult:
    """The search stage of a run whose folder the caller holds; see `digitlab.tune`."""
    started = time.perf_counter()
    data = train_data(split, config.base)
    if pool is None:
        with Lanes(data, lanes or available_cores()) as own:
            return search_in(folder, split, space, config, lanes=lanes, pool=own, progress=progress, keep=keep)
    plan = plan_hyperband(config.max_epochs, config.factor, iterations=config.iterations, configurations=space.size)
    reporter = Reporter(progress, plan.epochs)
    tuner = make_tuner(folder, space, config, split.num_classes, lanes=lanes, listener=_Teller(reporter).hear)
    tuner.search(
        data.x,
        data.y,
        validation_data=data.validation,  # type: ignore[arg-type]
        batch_size=config.base.batch_size,
        data_fingerprint=split.fingerprint,
        pool=pool,
    )
    trials = read_trials(tuner)
    write_trials(trials, folder / TRIALS)
    write_curves(trials, folder / "tensorboard")
    finalists = finalists_of(trials, config, split.num_classes, pool.do, folder, reporter)
    return SearchResult(
        plan=tuner.plan,
        trials=tuple(trials),
        choice=choose(finalists),
        finalists=tuple(finalists),
        path=folder if keep else None,
        duration_s=time.perf_counter() - started,
    )


def finalists_of(
    trials: Sequence[TrialRecord],
    config: SearchConfig,
    num_classes: int,
    do: Doer,
    folder: Path,
    reporter: Reporter,
) -> list[Finalist]:
    """The best configurations of a search, trained again, in the run's folder; see `train_finalists`."""
    return train_finalists(
        do,
        [(trial.config, trial.score or 0.0) for trial in best_configurations(trials, config.finalists)],
        [config.base.seed + i for i in range(config.finalist_seeds)],
        num_classes,
        folder / FOLDER,
        reporter.finalists_done,
    )


def make_tuner(
    folder: Path,
    space: SearchSpace,
    config: SearchConfig,
    num_classes: int,
    *,
    lanes: int | None = None,
    listener: Callable[[Hyperband], None] | None = None,
) -> Hyperband:
    """The KerasTuner tuner of a search, its trials in ``folder/search``."""
    return Hyperband(
        MLPHyperModel(space, config.base, num_classes),
        objective="val_accuracy",
        max_epochs=config.max_epochs,
        factor=config.factor,
        hyperband_iterations=config.iterations,
        seed=config.base.seed,
        lanes=lanes,
        configurations=space.size,
        listener=listener,
        directory=str(folder),
        project_name="search",
    )


def read_trials(tuner: Hyperband) -> list[TrialRecord]:
    """Every trial that has ended, in the order of the plan."""
    keys = sorted(tuner.oracle.keys.items(), key=lambda pair: _place(tuner, pair[1]))
    return [_read_trial(tuner, trial_id, key) for trial_id, key in keys if key in tuner.oracle.schedule.scores]


def best_configurations(trials: Sequence[TrialRecord], count: int) -> list[TrialRecord]:
    """The best trials of `count` different configurations, ties to the earlier trial of the plan."""
    best: dict[TrainConfig, TrialRecord] = {}
    for trial in sorted(trials, key=lambda t: -(t.score if t.score is not None else -1.0)):
        if trial.score is not None:
            best.setdefault(trial.config, trial)
    return list(best.values())[:count]


def _place(tuner: Hyperband, key: TrialKey) -> tuple[int, int]:
    return tuner.plan.rungs.index(tuner.oracle.schedule.rung_of(key)), key.index


def _read_trial(tuner: Hyperband, trial_id: str, key: TrialKey) -> TrialRecord:
    # A search that goes on has its trials from a file, which may hold fewer columns than digitlab writes.
    path = Path(tuner.get_trial_dir(trial_id)) / "trial.json"
    with reading(path, "the file is damaged; search again with --overwrite", "a trial of this search"):
        return _trial_record(tuner, tuner.oracle.trials[trial_id], key)


def _trial_record(tuner: Hyperband, trial: Any, key: TrialKey) -> TrialRecord:
    rung = tuner.oracle.schedule.rung_of(key)
    history = _history(trial)
    completed = trial.status == TrialStatus.COMPLETED
    best = next((row for row in history if row["epoch"] == trial.best_step), None) if completed else None
    return TrialRecord(
        trial=trial.trial_id,
        iteration=key.iteration,
        bracket=key.bracket,
        rung=key.rung,
        index=key.index,
        seed=trial_seed(tuner.oracle.seed, key),
        config=tuner.hypermodel.config_for(trial.hyperparameters),
        first_epoch=rung.first_epoch,
        last_epoch=rung.last_epoch,
        score=float(trial.score) if completed else None,
        best_epoch=int(best["epoch"]) if best else None,
        val_loss=best["val_loss"] if best else None,
        history=tuple(history),
        duration_s=sum(row["duration_s"] for row in history),
        error="" if completed else " ".join(str(trial.message).split()),
    )


def _history(trial: Any) -> list[dict[str, float]]:
    rows: dict[int, dict[str, float]] = {}
    for name in trial.metrics.metrics:
        for observation in trial.metrics.get_history(name):
            rows.setdefault(observation.step, {"epoch": float(observation.step)})[name] = observation.mean()
    return [rows[step] for step in sorted(rows)]


class _Teller:
    """Says of a tuner where its search stands."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def hear(self, tuner: Hyperband) -> None:
        """A trial has begun, has ended an epoch, or has ended."""
        if not self._reporter.listens:
            return
        schedule = tuner.oracle.schedule
        rungs = tuple(_rung_progress(schedule, rung) for rung in tuner.plan.rungs)
        best = next((trial for trial in tuner.oracle.get_best_trials(1) if trial.score is not None), None)
        found = (tuner.hypermodel.config_for(best.hyperparameters), float(best.score)) if best else None
        self._reporter.searched(rungs, found, sum(len(tuner.rows.get(key.trial_id, ())) for key in schedule.running))


def _rung_progress(schedule: Schedule, rung: Rung) -> RungProgress:
    members = schedule.members(rung) or []
    scores = [schedule.scores[key] for key in members if key in schedule.scores]
    running = sum(key in schedule.running for key in members)
    best = max((score for score in scores if score is not None), default=None)
    return RungProgress(rung, len(members), len(scores), running, best)
