"""What distortion does to one image, to be looked at."""

from __future__ import annotations

import numpy as np

from digitlab.config import TrainConfig
from digitlab.data.split import Images, Split
from digitlab.model.backend import keras
from digitlab.runs import RunFolder, atomic_path
from digitlab.training import tensorflow_epoch as adapter

EXAMPLES = 100


def write_examples(folder: RunFolder, split: Split, config: TrainConfig) -> None:
    """Write distorted.npz: the training split's first image, and a hundred forms that a training gives it."""
    original = split.images[0]
    with atomic_path(folder / "distorted.npz") as temporary:
        np.savez_compressed(temporary, original=original, distorted=distort_often(original, config))


def distort_often(image: Images, config: TrainConfig, count: int = EXAMPLES) -> Images:
    """`count` forms of one image, uint8 [count, 28, 28]."""
    batch = np.broadcast_to(image, (count, *image.shape)).copy()
    key = np.array([config.seed, 0], dtype=np.int32)
    (changed,) = adapter.distorted((batch,), config.distortions, key, 0)
    return np.asarray(np.rint(keras.ops.convert_to_numpy(changed)).clip(0, 255), dtype=np.uint8)
