"""`search_on_ray`: a search whose trials Ray Tune plans, and any number of machines train."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from digitlab.cluster.plan import as_it_went, plan_on_ray
from digitlab.cluster.start import ray_session
from digitlab.cluster.trial_files import Outcome, TrialFiles
from digitlab.config import TrainConfig
from digitlab.data.split import Split
from digitlab.errors import RunError
from digitlab.runs import available_cores, deciding_versions, describe_versions
from digitlab.runs.checks import reading
from digitlab.runs.layout import TRIALS
from digitlab.training.held_out import train_data
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.curves import write_curves
from digitlab.tuning.draw import draw_configurations
from digitlab.tuning.finalists import choose
from digitlab.tuning.identity import claim_search
from digitlab.tuning.kerastuner import keras_tuner
from digitlab.tuning.plan import Plan
from digitlab.tuning.progress import Progress, Reporter
from digitlab.tuning.result import SearchResult, TrialRecord, write_trials
from digitlab.tuning.schedule import TrialKey, trial_seed
from digitlab.tuning.space import SearchSpace
from digitlab.tuning.tune import finalists_of

Configurations = dict[TrialKey, TrainConfig]


def search_on_ray(
    folder: Path,
    split: Split,
    space: SearchSpace,
    config: SearchConfig,
    *,
    address: str | None = None,
    cpus: int | None = None,
    progress: Progress | None = None,
    keep: bool = True,
) -> SearchResult:
    """The search stage of a run whose folder the caller holds; see `digitlab.tune`.

    Args:
        folder: The run's. All machines of the cluster must see it under this path.
        split: The training split.
        space: What is searched.
        config: How, its scheduler being Ray's.
        address: Of a Ray cluster; `None` starts Ray on this machine.
        cpus: Cores to use where Ray is started here, one trial each; all of them by default.
        progress: Called whenever something has happened.
        keep: Whether the result says where it lies.

    Raises:
        RunError: The folder holds another search, no Ray answers, or every trial failed.
        UsageError: Ray is not installed.
    """
    started = time.perf_counter()
    plan = plan_on_ray(config)
    files = TrialFiles((folder / "search").resolve())
    claim_search(files.folder, _identity(split, space, config))
    reporter = Reporter(progress, plan.epochs)
    networks = draw_networks(plan, space, config)
    with ray_session(address, cpus=cpus or available_cores()) as ray:
        # What needs the package is imported when it is known to be there.
        from digitlab.cluster.jobs import do_on_ray
        from digitlab.cluster.trainable import Work
        from digitlab.cluster.trials import run_trials

        data = ray.put(train_data(split, config.base))
        work = Work(files.folder, plan, config.base.seed, split.num_classes)
        asked = run_trials(work, networks, config, data, reporter)
        trials = [trial for trial in read_trials(files, plan, networks, config) if _key(trial) in asked]
        _refuse_if_all_failed(trials)
        write_trials(trials, folder / TRIALS)
        write_curves(trials, folder / "tensorboard")
        finalists = finalists_of(
            trials, config, split.num_classes, lambda jobs: do_on_ray(jobs, data), folder, reporter
        )
    files.sweep()
    return SearchResult(
        plan=as_it_went(plan, asked),
        trials=tuple(trials),
        choice=choose(finalists),
        finalists=tuple(finalists),
        path=folder if keep else None,
        duration_s=time.perf_counter() - started,
    )


def draw_networks(plan: Plan, space: SearchSpace, config: SearchConfig) -> Configurations:
    """The network that each trial of a first rung begins with, in the order in which Ray is to take them.

    Ray fills its brackets one after another, so each is given as many as it wants: where the space holds fewer, the
    same ones again, from other seeds.
    """
    hyperparameters = keras_tuner.HyperParameters()
    space.declare(hyperparameters)
    drawn = draw_configurations(plan, hyperparameters, config.base.seed)
    networks = {}
    for first in (rungs[0] for rungs in plan.brackets):
        values = drawn[first.iteration, first.bracket]
        for index in range(first.trials):
            key = TrialKey(first.iteration, first.bracket, 0, index)
            networks[key] = space.config_for(values[index % len(values)], config.base)
    return networks


def read_trials(files: TrialFiles, plan: Plan, networks: Configurations, config: SearchConfig) -> list[TrialRecord]:
    """Every trial that has ended, in the order of the plan."""
    found = []
    for rung in plan.rungs:
        for first, network in networks.items():
            key = TrialKey(rung.iteration, rung.bracket, rung.number, first.index)
            if (first.iteration, first.bracket) == (rung.iteration, rung.bracket) and (outcome := files.read(key)):
                with reading(files.folder, "a trial's file is damaged; search again with --overwrite", "whole trials"):
                    found.append(_record(key, plan, network, outcome, config.base.seed))
    return found


def _record(key: TrialKey, plan: Plan, network: TrainConfig, outcome: Outcome, seed: int) -> TrialRecord:
    rung = next(r for r in plan.rungs if (r.iteration, r.bracket, r.number) == (key.iteration, key.bracket, key.rung))
    best = outcome.best
    return TrialRecord(
        trial=key.trial_id,
        iteration=key.iteration,
        bracket=key.bracket,
        rung=key.rung,
        index=key.index,
        seed=trial_seed(seed, key),
        config=network,
        first_epoch=rung.first_epoch,
        last_epoch=rung.last_epoch,
        score=best["val_accuracy"] if best else None,
        best_epoch=int(best["epoch"]) if best else None,
        val_loss=best["val_loss"] if best else None,
        history=outcome.rows,
        duration_s=sum(row["duration_s"] for row in outcome.rows),
        error=outcome.error,
    )


def _key(trial: TrialRecord) -> TrialKey:
    return TrialKey(trial.iteration, trial.bracket, trial.rung, trial.index)


def _refuse_if_all_failed(trials: list[TrialRecord]) -> None:
    if all(trial.score is None for trial in trials):
        why = next((trial.error for trial in trials if trial.error), "no trial was run")
        raise RunError(f"every trial of the search failed, the first with: {why}", hint="try a smaller space")


def _identity(split: Split, space: SearchSpace, config: SearchConfig) -> dict[str, Any]:
    return {
        "engine": config.engine,
        "space": space.to_dict(),
        "configuration": config.to_dict(),
        "data": split.fingerprint,
        "software": deciding_versions(describe_versions()),
    }
