"""One set of images for every search."""

import numpy as np
import pytest

from digitlab.data import Split
from digitlab.training.job import TrainData


@pytest.fixture(scope="session")
def split():
    """200 noisy pictures of four classes: a bright quarter each. Learnt in a few epochs, not perfectly."""
    rng = np.random.default_rng(0)
    labels = np.arange(200, dtype=np.uint8) % 4
    images = rng.integers(0, 200, (200, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[14 * row : 14 * row + 14, 14 * column : 14 * column + 14] += 40
    return Split(images, labels, "quarters", ("a", "b", "c", "d"))


@pytest.fixture(scope="session")
def data(split):
    """120 of them to train on, two batches of 60, and 80 to score on."""
    labels = np.eye(4, dtype="float32")[split.labels]
    return TrainData(split.images[:120], labels[:120], (split.images[120:], labels[120:]))
