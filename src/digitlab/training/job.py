"""`TrainJob`: a stretch of one network's training, described so that any process can do it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from digitlab.errors import RunError
from digitlab.model.backend import keras
from digitlab.runs import atomic_path
from digitlab.training.callbacks import Recorder, Row
from digitlab.training.checkpoint import Checkpoint
from digitlab.training.programs import Programs

Told = Callable[[Row], None]


@dataclass(frozen=True, eq=False)
class TrainData:
    """What every job of one search trains and validates on.

    Args:
        x: Images to train on, uint8 [n, 28, 28].
        y: Their labels as the loss wants them, such as one-hot float32 [n, k].
        validation: (x, y) scored after each epoch, `None` for none.
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    validation: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None


@dataclass(frozen=True)
class TrainJob:
    """Epochs `first_epoch` to `last_epoch` - 1 of one training.

    Args:
        name: Unique among the jobs of a search.
        build: Called without arguments, gives the compiled network as it is before its first epoch. It
            must be picklable, and give the same network every time.
        batch_size: Images per update.
        shape: Any text that is equal for jobs that can share one compiled program.
        seed: Decides, with the epoch's number, the order of the images.
        last_epoch: Epochs done when the job has ended.
        first_epoch: Epochs done before it.
        start: Checkpoint to go on from, where `first_epoch` is above 0.
        end: Where to write the checkpoint of the last epoch, to go on from later; `None` writes none.
        weights: Where to write the weights of the epoch that `monitor` was best in, as Keras'
            ``.weights.h5``; `None` writes none.
        monitor: What says which epoch was best.
        mode: Whether the best is the ``"max"`` or the ``"min"``.
        distortion: How strongly each image is bent anew in each epoch; 0 takes it as it is.
        patience: Epochs without a better `monitor` before the job ends early; `None` never ends early.
    """

    name: str
    build: Callable[[], Any]
    batch_size: int
    shape: str
    seed: int
    last_epoch: int
    first_epoch: int = 0
    start: Path | None = None
    end: Path | None = None
    weights: Path | None = None
    monitor: str = "val_accuracy"
    mode: str = "max"
    distortion: float = 0.0
    patience: int | None = None


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
        FloatingPointError: A loss was no number.
    """
    model = job.build()
    if not model.built:  # a Sequential without an Input
        model.build((None, *data.x.shape[1:]))
    epochs = programs.take_up(model, job.batch_size, job.distortion)
    rows: list[Row] = []
    if job.start is not None:
        _go_on_from(job.start, epochs.model, rows)
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


def _go_on_from(path: Path, model: Any, rows: list[Row]) -> None:
    if not path.exists():
        raise RunError(
            f"{path}: expected the checkpoint of an earlier rung, found none",
            hint="the search's folder is damaged; search again with --overwrite",
        )
    Checkpoint(path, [], rows).restore(model)


def _refuse_nan(row: Row, job: TrainJob) -> None:
    if wrong := [f"{key} {value:g}" for key, value in row.items() if not math.isfinite(value)]:
        msg = f"epoch {int(row['epoch'])} of {job.name} ended with {', '.join(wrong)}"
        raise FloatingPointError(msg)
