"""`run_job`: does what a `TrainJob` describes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from digitlab.errors import MachineError, RunError
from digitlab.model.backend import keras
from digitlab.runs import atomic_path
from digitlab.training.callbacks import Recorder
from digitlab.training.checkpoint import Checkpoint
from digitlab.training.job import Row, TrainData, TrainJob
from digitlab.training.programs import Programs

Told = Callable[[Row], None]


def run_job(job: TrainJob, data: TrainData, programs: Programs, tell: Told = lambda row: None) -> list[Row]:
    """Do a job.

    Args:
        job: What to train.
        data: What to train it on.
        programs: Where a program for the network's shape may lie already.
        tell: Called with each epoch's row.

    Returns:
        A row an epoch, with the columns of history.csv; also of the epochs before `job.first_epoch`.

    Raises:
        RunError: The checkpoint to start from is damaged or missing.
        MachineError: A file could not be read or written.
        FloatingPointError: A loss was no number.
    """
    model = job.build()
    if not model.built:  # a Sequential without an Input
        model.build((None, *data.x.shape[1:]))
    epochs = programs.take_up(model, job.batch_size, job.distortion)
    rows: list[Row] = []
    if job.start is not None:
        _go_on_from(job.start, epochs.model, rows, job.remedy)
    callbacks = [
        Recorder(rows, None),
        keras.callbacks.EarlyStopping(
            job.monitor,
            mode=job.mode,
            patience=job.last_epoch if job.patience is None else job.patience,
            restore_best_weights=True,
        ),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: tell(rows[-1])),
    ]
    if job.schedule is not None:
        callbacks.append(keras.callbacks.LearningRateScheduler(job.schedule))
    if job.end is not None:  # before the best weights are put back
        callbacks.append(Checkpoint(job.end, [], rows, only_after=job.last_epoch))
    epochs.fit(
        data.x,
        data.y,
        epochs=job.last_epoch,
        initial_epoch=job.first_epoch,
        seed=job.seed,
        validation_data=data.validation,
        callbacks=callbacks,
    )
    _refuse_nan(rows[-1], job)
    if job.weights is not None:
        with atomic_path(job.weights) as temporary:
            epochs.model.save_weights(temporary)
    return rows


def _go_on_from(path: Path, model: Any, rows: list[Row], remedy: str) -> None:
    if not path.exists():
        raise RunError(f"{path}: expected the checkpoint of an earlier rung, found none", hint=remedy)
    try:
        Checkpoint(path, [], rows).restore(model)
    except MachineError:
        raise
    except RunError as error:
        raise RunError(error.message, hint=remedy) from error


def _refuse_nan(row: Row, job: TrainJob) -> None:
    if wrong := [f"{key} {value:g}" for key, value in row.items() if not math.isfinite(value)]:
        msg = f"epoch {int(row['epoch'])} of {job.name} ended with {', '.join(wrong)}"
        raise FloatingPointError(msg)
