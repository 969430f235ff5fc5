"""`TrainJob`: a stretch of one network's training, described so that any process can do it.

Nothing here imports Keras: jobs are given by a process that need not have it yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from digitlab.config import UNDISTORTED, Distortion, TrainConfig
from digitlab.errors import ConfigError

Row = dict[str, float]  # an epoch's, with the columns of history.csv


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
        remedy: What to do where `start` is damaged or missing, for the error's hint.
        end: Where to write the checkpoint of the last epoch, to go on from later; `None` writes none.
        weights: Where to write the weights of the epoch that `monitor` was best in, as Keras'
            ``.weights.h5``; `None` writes none.
        monitor: What says which epoch was best.
        mode: Whether the best is the ``"max"`` or the ``"min"``.
        distortion: How each image is changed anew in each epoch.
        schedule: Gives the learning rate of an epoch (from 0); `None` leaves it as the network has it.
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
    remedy: str = "search again with --overwrite"
    end: Path | None = None
    weights: Path | None = None
    monitor: str = "val_accuracy"
    mode: str = "max"
    distortion: Distortion = UNDISTORTED
    schedule: Callable[[int], float] | None = None
    patience: int | None = None


def refuse_what_jobs_leave_out(config: TrainConfig) -> None:
    """Raise `ConfigError` where `config` asks for what no job does: a committee, a teacher, or shards."""
    if config.shard_images:
        raise ConfigError(
            f"expected all images at once, got shards of {config.shard_images}",
            hint="scan and search on a part of the images; only `digitlab train` goes through shards",
        )
    if config.members > 1 or config.teacher:
        came = f"{config.members} members" if config.members > 1 else f"the teacher {config.teacher}"
        raise ConfigError(
            f"expected a single network that learns from its labels, got {came}",
            hint="scan and search single networks; only `digitlab train` knows committees and teachers",
        )
