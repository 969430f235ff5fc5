"""`scan_learning_rates`: Smith's range test inside one compiled program, and the document's diagnostic."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from digitlab.config import TrainConfig
from digitlab.data.split import Split
from digitlab.errors import ConfigError, RunError
from digitlab.lanes.lanes import Ended, Lanes, Progressed
from digitlab.model.blueprint import Blueprint
from digitlab.runs import available_cores
from digitlab.scan.result import Rows, ScanResult
from digitlab.training.held_out import hold_out, one_hot
from digitlab.training.job import TrainData, TrainJob, refuse_what_jobs_leave_out

DOCUMENT_RATES = (5e-3, 1e-3, 1e-4)
LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 600

Told = Callable[[int, int], None]


def scan_learning_rates(
    split: Split,
    config: TrainConfig | None = None,
    *,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
    steps: int = STEPS,
    rates: Sequence[float] = DOCUMENT_RATES,
    epochs: int = 5,
    lanes: int | None = None,
    pool: Lanes | None = None,
    progress: Told = lambda done, of: None,
) -> ScanResult:
    """Find a learning rate.

    The range test (Smith 2015, arXiv 1506.01186) raises the rate exponentially from step to step and
    watches the loss; it ends where the smoothed loss is four times its lowest. Then each of `rates` is
    trained from the same initial weights, which is what says which of them is best.

    Args:
        split: The training split; a part of it is held out to compare the rates on.
        config: The network, its batch size and seed.
        lowest: First rate of the range test, above 0.
        highest: Last rate.
        steps: Updates in between, one batch each; more than an epoch has begin a second one.
        rates: To train side by side; empty for the range test alone.
        epochs: Epochs of each.
        lanes: Processes that train them; one for every core by default. Results do not depend on it.
        pool: Lanes over the same data that are there already; by default lanes of the scan's own.
        progress: Called with how many epochs of those are done, and of how many.

    Returns:
        Curve, suggestions and learning curves. No network is kept or changed.

    Raises:
        ConfigError: Rates, steps or epochs are out of their range, or `config` asks for a committee or a teacher.
        RunError: A training failed.
    """
    config = config or TrainConfig()
    _check(lowest, highest, steps, rates, epochs)
    refuse_what_jobs_leave_out(config)
    fitted, held_out = hold_out(split, config)
    if rates and held_out is None:
        raise ConfigError("comparing rates needs held-out images, and validation_fraction is 0", hint="use 0.1")
    # The sweep runs beside the lanes, which can begin while this process still imports TensorFlow.
    with ThreadPoolExecutor(1) as beside:
        sweep = beside.submit(_sweep, fitted, config, np.geomspace(lowest, highest, steps))
        diagnostics: dict[float, Rows] = {}
        if rates and held_out is not None:
            data = TrainData(fitted.images, one_hot(fitted), (held_out.images, one_hot(held_out)))
            own = pool or Lanes(data, min(len(rates), lanes or available_cores()))
            with own if pool is None else contextlib.nullcontext():
                diagnostics = _train_rates(config, split.num_classes, rates, epochs, own, progress)
        curve, losses = sweep.result()
    return ScanResult(curve, losses, len(losses) < steps, diagnostics)


def _sweep(split: Split, config: TrainConfig, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from digitlab.scan.range_test import sweep_rates

    return sweep_rates(split, config, rates)


def _train_rates(
    config: TrainConfig,
    num_classes: int,
    rates: Sequence[float],
    epochs: int,
    pool: Lanes,
    progress: Told,
) -> dict[float, Rows]:
    jobs = [
        TrainJob(
            name=str(rate),
            build=Blueprint(config.replace(learning_rate=rate), num_classes),
            batch_size=config.batch_size,
            shape=config.shape,
            distortion=config.distortions,
            seed=config.seed,
            last_epoch=epochs,
        )
        for rate in rates
    ]
    found: dict[str, Rows] = {}
    done = 0
    for event in pool.do(jobs):
        if isinstance(event, Progressed):
            done += 1
            progress(done, len(jobs) * epochs)
        else:
            found[event.job.name] = _rows(event)
    return {rate: found[job.name] for rate, job in zip(rates, jobs, strict=True)}


def _rows(event: Ended) -> Rows:
    if event.error is not None:
        raise RunError(
            f"training at the rate {event.job.name} failed: {event.error}", hint="leave that rate out with --rates"
        )
    return event.rows


def _check(lowest: float, highest: float, steps: int, rates: Sequence[float], epochs: int) -> None:
    if not 0 < lowest < highest <= 1000:
        raise ConfigError(
            f"expected rates with 0 < lowest < highest <= 1000, got {lowest} and {highest}", hint="1e-6 and 1, say"
        )
    if not 20 <= steps <= 100_000:
        raise ConfigError(f"expected 20 to 100000 steps, got {steps}", hint=f"leave it at {STEPS}")
    if len(set(rates)) != len(rates):
        raise ConfigError(f"expected distinct rates, got {', '.join(map(str, rates))}", hint="name each once")
    if epochs < 1:
        raise ConfigError(f"expected at least one epoch, got {epochs}", hint="leave it at 5")
    for rate in rates:
        TrainConfig().replace(learning_rate=rate)
