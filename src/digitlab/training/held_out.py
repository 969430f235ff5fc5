"""What a training trains on and what it is chosen on, as Keras takes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from digitlab.config import TrainConfig
from digitlab.data.split import Split
from digitlab.data.splits import stratified_split


def hold_out(split: Split, config: TrainConfig) -> tuple[Split, Split | None]:
    """The parts to train on and to choose the epoch on; the same for the same split and seed."""
    if config.validation_fraction == 0:
        return split, None
    return stratified_split(split, config.validation_fraction, config.seed)


def one_hot(split: Split) -> npt.NDArray[np.float32]:
    """float32 [n, k]: a 1 in the column of each image's class."""
    return np.eye(split.num_classes, dtype=np.float32)[split.labels]
