"""`run_trials`: one search by Ray Tune, begun again where machines were lost in a way that Ray gives up on."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from ray import tune
from ray.tune.error import TuneError

from digitlab.cluster.scheduler import SCORE, StopOnFailure, make_scheduler
from digitlab.cluster.trainable import TRIAL, RungTrainable, Work, as_parameters
from digitlab.cluster.watcher import Watcher
from digitlab.config import TrainConfig
from digitlab.errors import RunError
from digitlab.runs import machine_failure, machine_failures
from digitlab.runs.layout import RAY_ACCOUNT
from digitlab.runs.own_files import remove_own_folder
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.progress import Reporter
from digitlab.tuning.schedule import TrialKey

# So often Ray begins a trial again whose worker is gone, and so often the whole is gone through again for those that
# it has given up; what has ended is only read the second time.
MOST_FAILURES, ATTEMPTS = 2, 3
# Where Ray keeps its own account of the search, below the search's folder.
ACCOUNT = "ray"

Configurations = Mapping[TrialKey, TrainConfig]


def run_trials(
    work: Work, networks: Configurations, config: SearchConfig, data: Any, reporter: Reporter
) -> set[TrialKey]:
    """Let Ray Tune train what its scheduler asks for.

    Args:
        work: What all trials have in common.
        networks: By the trial of its first rung, in the order in which Ray is to take them.
        config: Names the scheduler.
        data: Ray's reference to the `TrainData`.
        reporter: Told of every rung.

    Returns:
        The trials that were asked for and have ended, with a score or without.

    Raises:
        RunError: Ray Tune itself failed, each time, or gave up a network; or a machine or a file failed.
    """
    for attempt in range(ATTEMPTS):
        watcher = Watcher(work, networks, reporter)
        given_up = _run_once(work, networks, config, data, watcher, last=attempt + 1 == ATTEMPTS)
        if watcher.stopped is not None:
            raise watcher.stopped
        if not given_up:
            break
    if given_up:  # a machine's failure, and no result of the network
        key, why = next(iter(given_up.items()))
        doing = f"Ray gave {key.trial_id} up after {ATTEMPTS * (1 + MOST_FAILURES)} workers"
        raise machine_failure(RuntimeError(why), doing) or RunError(
            f"{doing}: {why}",
            hint="ray status says what is up; the same command then goes on",
        )
    remove_own_folder(work.folder / ACCOUNT, RAY_ACCOUNT)
    return set(watcher.scores)


def _run_once(
    work: Work, networks: Configurations, config: SearchConfig, data: Any, watcher: Watcher, *, last: bool
) -> dict[TrialKey, str]:
    """The trials that Ray has given up, each with its reason; all of them where it has given up the search."""
    _quiet(len(networks))
    remove_own_folder(work.folder / ACCOUNT, RAY_ACCOUNT)
    trainable = tune.with_resources(tune.with_parameters(RungTrainable, data=data, work=work), {"cpu": 1})
    tuner = tune.Tuner(
        trainable,
        param_space={TRIAL: tune.grid_search([as_parameters(key, network) for key, network in networks.items()])},
        tune_config=tune.TuneConfig(
            metric=SCORE, mode="max", scheduler=make_scheduler(config), reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name=ACCOUNT, storage_path=str(work.folder), verbose=0, callbacks=[watcher], stop=StopOnFailure(),
            failure_config=tune.FailureConfig(max_failures=MOST_FAILURES),
        ),
    )  # fmt: skip
    try:
        with machine_failures("Ray's account of the search"):
            tuner.fit()
    except TuneError as error:
        if last:
            why = str(error).strip().splitlines()[0]
            raise RunError(f"Ray Tune gave the search up: {why}", hint="the same command goes on with it") from error
        return dict.fromkeys(networks, "")
    return watcher.given_up


def _quiet(trials: int) -> None:
    """Ray Tune without tables and log files of its own, and with all trials in their brackets from the beginning."""
    settings = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C ends the search, as everywhere in digitlab
        "TUNE_MAX_PENDING_TRIALS_PG": str(max(200, trials)),
        "RAY_AIR_NEW_OUTPUT": "0",
    }
    os.environ.update(settings)
    for name in ("ray.tune", "ray.train", "ray.air"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
