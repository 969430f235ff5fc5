"""What a training trains on and what it is chosen on, as Keras takes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from digitlab.config import TrainConfig
from digitlab.data.mapped import refuse_larger_than_memory
from digitlab.data.split import DIGIT_NAMES, Split
from digitlab.data.splits import stratified_split
from digitlab.errors import ConfigError, UsageError
from digitlab.training.job import TrainData


def hold_out(split: Split, config: TrainConfig) -> tuple[Split, Split | None]:
    """The parts to train on and to choose the epoch on; the same for the same split and seed.

    Raises:
        DataError: The images lie in a file, are to be trained on all at once, and are too many for this machine.
        UsageError: The configuration adds the strokes of digits, and the classes are others.
    """
    if config.strokes and split.class_names != DIGIT_NAMES:
        raise UsageError(
            f"strokes: expected the ten digits, got the classes {', '.join(split.class_names[:3])}, …",
            hint="hooks and bars belong to digits; set strokes = 0",
        )
    if not config.shard_images:
        refuse_larger_than_memory(split, hint="train in shards, such as --shard-images 512000")
    if config.validation_fraction == 0:
        return split, None
    return stratified_split(split, config.validation_fraction, config.seed)


def train_data(split: Split, config: TrainConfig) -> TrainData:
    """What the jobs of a search or a scan train and are scored on.

    Raises:
        ConfigError: The configuration holds nothing out.
        UsageError: See `hold_out`.
    """
    fitted, held_out = hold_out(split, config)
    if held_out is None:
        raise ConfigError("comparing networks needs held-out images, and validation_fraction is 0", hint="0.1")
    return TrainData(fitted.images, one_hot(fitted), (held_out.images, one_hot(held_out)))


def one_hot(split: Split) -> npt.NDArray[np.float32]:
    """float32 [n, k]: a 1 in the column of each image's class."""
    return np.eye(split.num_classes, dtype=np.float32)[split.labels]
