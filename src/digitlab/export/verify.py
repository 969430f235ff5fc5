"""A written ONNX file beside the Keras network that it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from digitlab.classifier import load_classifier
from digitlab.data.split import IMAGE_SIDE, Images
from digitlab.errors import ModelError
from digitlab.export.chain import Chain
from digitlab.export.rounding import rounding_error

# 1 and 2 are where batch and row are easily confused.
BATCHES = (1, 2, 7, 1000)
TOLERANCE = 1e-5
# float16 rounds each weight by up to a two-thousandth of itself.
HALF_TOLERANCE = 1e-2


def verify(path: Path, model: Any, members: Sequence[Chain], tolerance: float = TOLERANCE) -> None:
    """Run the file with ONNX Runtime on batches of 1, 2, 7 and 1,000 images and compare with Keras.

    Args:
        path: The file, as `load_classifier` takes it.
        model: The Keras network.
        members: What the file was written from. The larger their scores before softmax, the further float32 rounds
            them in either library.
        tolerance: How far probabilities may differ, rounding of large scores aside.

    Raises:
        ModelError: The file cannot be read, or a probability differs by more.
    """
    from digitlab.model.backend import keras  # not needed by those who take `probe_images` alone

    classifier = load_classifier(path)
    images = probe_images(max(BATCHES))
    tolerance = max(tolerance, rounding_error(members, images))
    # Called and not asked to predict, which compiles a program that nobody would use again.
    expected = keras.ops.convert_to_numpy(model(images, training=False))
    for count in BATCHES:
        difference = float(np.abs(classifier.predict_proba(images[:count]) - expected[:count]).max())
        if not difference <= tolerance:  # also true of NaN
            raise ModelError(
                f"expected the exported network's probabilities within {tolerance:.2g} of Keras', "
                f"got a difference of {difference:.2g} on {count} images",
                hint="nothing was written; its layers must be one chain",
            )


def probe_images(count: int) -> Images:
    """uint8 [count, 28, 28], always the same: in turn strokes on dark, smooth shades, and scattered pixels.

    The first are black, white, and one bright pixel in the second row, which a transposed image would
    misplace. Most are about as bright as a digit: the brighter an image, the larger a network's scores, and
    the further float32 rounds them.
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:IMAGE_SIDE, :IMAGE_SIDE]
    images = np.zeros((count, IMAGE_SIDE, IMAGE_SIDE), dtype=np.uint8)
    for index in range(count):
        kind = index % 3
        if kind == 0:  # a thick straight stroke at any angle
            angle, away = rng.uniform(0, np.pi), rng.uniform(-8, 8)
            distance = np.abs((x - 13.5) * np.cos(angle) + (y - 13.5) * np.sin(angle) - away)
            images[index] = np.clip(255 * (2.5 - distance), 0, 255)
        elif kind == 1:
            slope = rng.uniform(-1, 1, 2)
            shade = slope[0] * (x - 13.5) + slope[1] * (y - 13.5)
            images[index] = rng.uniform(20, 255) * (shade - shade.min()) / np.ptp(shade)
        else:
            images[index] = rng.integers(0, 256, images[index].shape) * (rng.random(images[index].shape) < 0.2)
    images[: min(count, 3)] = 0
    if count > 1:
        images[1] = 255
    if count > 2:
        images[2, 1, 20] = 255
    return images
