"""What distortion does to one image, to be looked at."""

from __future__ import annotations

import numpy as np

from digitlab.config import TrainConfig
from digitlab.data.split import Images, Split
from digitlab.model.backend import keras
from digitlab.runs import RunFolder, atomic_path
from digitlab.runs.layout import DISTORTED
from digitlab.training.adapter import adapter
from digitlab.training.held_out import one_hot
from digitlab.training.lesson import Lesson
from digitlab.training.strokes import SEVEN

EXAMPLES = 100


def write_examples(folder: RunFolder, split: Split, config: TrainConfig) -> None:
    """Write distorted.npz: one training image, and a hundred forms of the kind that training gives it."""
    index = _most_telling(split, config)
    with atomic_path(folder / DISTORTED) as temporary:
        np.savez_compressed(
            temporary, original=split.read(np.array([index]))[0], distorted=distort_often(split, index, config)
        )


def distort_often(split: Split, index: int, config: TrainConfig, count: int = EXAMPLES) -> Images:
    """`count` forms of one image, uint8 [count, 28, 28]."""
    same = split.take(np.full(count, index), split.name)
    key = np.array([config.seed, 0], dtype=np.int32)
    changed, _ = Lesson(config.distortions)((same.images, one_hot(same)), adapter.uniform_of(key, 0))
    return np.asarray(np.rint(keras.ops.convert_to_numpy(changed)).clip(0, 255), dtype=np.uint8)


def _most_telling(split: Split, config: TrainConfig) -> int:
    """The first image; the first 7 where strokes are added, since few others get any."""
    if not config.strokes:
        return 0
    return int(np.argmax(split.labels == SEVEN))
