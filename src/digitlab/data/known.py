"""The data sets known by name: their files, checksums, mirrors and class names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from digitlab.data.bounded import read_at_most
from digitlab.data.split import DIGIT_NAMES
from digitlab.errors import DataError

FILES = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}
SIZES = {
    "train-images-idx3-ubyte": 16 + 60_000 * 784,
    "train-labels-idx1-ubyte": 8 + 60_000,
    "t10k-images-idx3-ubyte": 16 + 10_000 * 784,
    "t10k-labels-idx1-ubyte": 8 + 10_000,
}


@dataclass(frozen=True)
class KnownSet:
    """A published data set of four IDX files.

    Args:
        name: What ``--data`` calls it.
        checksums: File name to SHA-256 (hex) of the decompressed content, since mirrors compress differently.
        mirrors: Addresses of folders that hold the files with ``.gz`` appended, in the order to try.
        class_names: In the order of the labels.
        fingerprint: `Dataset.fingerprint` of the whole set: the same images, labels and class names in the same order,
            whatever the files that they were read from. Defaults to none.
    """

    name: str
    checksums: dict[str, str]
    mirrors: tuple[str, ...]
    class_names: tuple[str, ...]
    fingerprint: str = ""


MNIST = KnownSet(
    "mnist",
    {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    DIGIT_NAMES,
    "a304dcff02da0bc174c9e651d9e692bad3944e81d91649cfaf7824dacbcd46ff",
)
FASHION_MNIST = KnownSet(
    "fashion-mnist",
    {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    "450c01c0c8d56732a72d8993bbe86621bd4ffed65138513fe7378f002e283c86",
)
KNOWN_SETS = {known.name: known for known in (MNIST, FASHION_MNIST)}


def recognise(files: dict[str, tuple[Path, Path]]) -> KnownSet | None:
    """The known set that these files of ``train`` and ``test`` are, by their checksums alone.

    Fashion-MNIST has MNIST's file names, so a name says nothing.
    """
    if set(files) != {"train", "test"}:
        return None
    # The labels are small and differ between the sets: they choose, the images confirm.
    for known in KNOWN_SETS.values():
        pairs = [(files[part][0 if kind == "images" else 1], name) for (part, kind), name in FILES.items()]
        pairs.sort(key=lambda pair: SIZES[pair[1]])
        if all(checksum(path, SIZES[name]) == known.checksums[name] for path, name in pairs):
            return known
    return None


def checksum(path: Path, size: int) -> str | None:
    """SHA-256 (hex) of the decompressed content; `None` if that is longer than `size` or unreadable."""
    try:
        content = read_at_most(path, size)
    except DataError:
        return None
    return hashlib.sha256(content).hexdigest() if len(content) <= size else None
