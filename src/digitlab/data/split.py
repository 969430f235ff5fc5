"""`Split` and `Dataset`: what every other layer means by images and labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.data.class_names import fault_in_names
from digitlab.errors import DataError
from digitlab.imaging.mnist import IMAGE_SIDE as IMAGE_SIDE

MAX_CLASSES = 100

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]
Places = npt.NDArray[np.integer] | slice

DIGIT_NAMES = tuple("0123456789")

# Images handled at once where a set may be larger than memory: 78 MB.
PIECE = 100_000


@dataclass(frozen=True, eq=False)
class Split:
    """Images with their labels, checked once, on construction.

    Args:
        images: uint8 [n, 28, 28], 0 to 255, bright ink on dark. They may be a `numpy.memmap` of a file that is
            larger than memory; whoever goes through all of them does so by `pieces` then.
        labels: uint8 [n], each below ``len(class_names)``.
        name: What to call it in messages, such as ``"mnist/train"``.
        class_names: 2 to 100 names of printable characters, in the order of the labels. The ten digits by default.

    Raises:
        DataError: A wrong type, shape, count or label, with what was expected and what came.
    """

    images: Images = field(repr=False)
    labels: Labels = field(repr=False)
    name: str = "data"
    class_names: tuple[str, ...] = DIGIT_NAMES

    def __post_init__(self) -> None:
        check_images(self.images, self.name)
        _check_labels(self.labels, len(self.images), self.class_names, self.name)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def num_classes(self) -> int:
        """How many classes the labels are drawn from; not every one need occur."""
        return len(self.class_names)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the images, labels and class names: the same data, the same fingerprint."""
        digest = hashlib.sha256()
        digest.update(repr(((len(self), IMAGE_SIDE, IMAGE_SIDE), self.class_names)).encode())
        for piece in self.pieces():
            digest.update(np.ascontiguousarray(piece).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    @property
    def in_file(self) -> bool:
        """Whether the images lie in a file and are read from it when they are used."""
        return isinstance(self.images, np.memmap)

    def read(self, places: Places) -> Images:
        """The images at `places`, uint8 [m, 28, 28]."""
        return self.images[places]

    def pieces(self) -> Iterator[Images]:
        """All images in their order, at most `PIECE` at a time."""
        for start in range(0, len(self), PIECE):
            yield self.read(slice(start, start + PIECE))

    def take(self, indices: npt.NDArray[np.integer], name: str) -> Split:
        """The images at `indices`, in that order, as a split called `name`; nothing is read yet that lies in a file."""
        if self.in_file:
            return Part(self, indices, name)
        return Split(self.images[indices], self.labels[indices], name, self.class_names)


class Part(Split):
    """Some images of a split that lies in a file: their places are kept, and they are read when they are used.

    Args:
        whole: Whose images they are.
        indices: Where in it, in the order of this part, [n].
        name: What to call it in messages.
    """

    whole: Split
    indices: npt.NDArray[np.integer]

    def __init__(self, whole: Split, indices: npt.NDArray[np.integer], name: str) -> None:
        told = {"whole": whole, "indices": indices, "labels": whole.labels[indices], "name": name}
        for key, value in {**told, "class_names": whole.class_names}.items():
            object.__setattr__(self, key, value)  # it is as frozen as any split

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def images(self) -> Images:
        """All of them, read into memory anew each time."""
        return self.read(slice(None))

    @property
    def in_file(self) -> bool:
        """Always."""
        return True

    def read(self, places: Places) -> Images:
        """The images at `places`, uint8 [m, 28, 28], read from the file."""
        images: Images = self.whole.images[self.indices[places]]
        return images

    def take(self, indices: npt.NDArray[np.integer], name: str) -> Split:
        """The images at `indices` of this part; nothing is read yet."""
        return Part(self.whole, self.indices[indices], name)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training and a test split over the same classes.

    Args:
        name: ``"mnist"``, ``"sample"``, or the file's or folder's own name.
        train: What may be learnt from and chosen on.
        test: What only `evaluate` opens, after the last choice.
        note: One sentence a reader of the scores must know, such as that this is the embedded
            sample; empty when there is none.
        source: What `load_dataset` takes to load it again: a known name or an absolute path; empty
            for one made in memory.
    """

    name: str
    train: Split
    test: Split
    note: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if self.train.class_names != self.test.class_names:
            raise DataError(
                f"{self.name}: the training split has the classes {_some(self.train.class_names)}, "
                f"the test split {_some(self.test.class_names)}",
                hint="both splits must name the same classes in the same order",
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes' names, in the order of the labels."""
        return self.train.class_names

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over both splits' fingerprints."""
        return hashlib.sha256(f"{self.train.fingerprint}:{self.test.fingerprint}".encode()).hexdigest()


def check_images(images: object, name: str) -> None:
    """Raise `DataError` unless `images` is a non-empty uint8 array [n, 28, 28]."""
    if not isinstance(images, np.ndarray):
        raise DataError(
            f"{name}: images must be a NumPy array, got {type(images).__name__}",
            hint="pass numpy.asarray(images, dtype=numpy.uint8)",
        )
    check_image_type(images.dtype, images.shape, name)
    if len(images) == 0:
        raise DataError(f"{name}: expected at least one image, got none", hint="is the file or folder empty?")


def check_image_type(dtype: np.dtype[Any], shape: tuple[int, ...], name: str) -> None:
    """Raise `DataError` unless an array of this type and shape is of images: uint8 [n, 28, 28]."""
    if dtype != np.uint8:
        raise DataError(
            f"{name}: images must be uint8 from 0 to 255, got {dtype}",
            hint="scaling to [0, 1] is a layer of the network; pass the original bytes, undivided",
        )
    if len(shape) != 3 or shape[1:] != (IMAGE_SIDE, IMAGE_SIDE):
        raise DataError(
            f"{name}: images must have the shape [n, 28, 28], got {list(shape)}",
            hint="one grey 28x28 image per row; for flat rows, images.reshape(-1, 28, 28)",
        )


def _check_labels(labels: object, count: int, class_names: tuple[str, ...], name: str) -> None:
    if not 2 <= len(class_names) <= MAX_CLASSES:
        raise DataError(
            f"{name}: expected 2 to {MAX_CLASSES} classes, got {len(class_names)}",
            hint="a classifier needs at least two classes to tell apart",
        )
    if fault := fault_in_names(class_names):
        raise DataError(
            f"{name}: expected class names of printable characters, got {fault}",
            hint="rename the class or its folder",
        )
    if not isinstance(labels, np.ndarray) or labels.dtype != np.uint8 or labels.shape != (count,):
        came = f"{labels.dtype} {list(labels.shape)}" if isinstance(labels, np.ndarray) else type(labels).__name__
        raise DataError(
            f"{name}: expected {count} labels as uint8 [{count}], got {came}",
            hint="one whole number per image, in the images' order",
        )
    if (largest := int(labels.max())) >= len(class_names):
        raise DataError(
            f"{name}: labels must be below {len(class_names)}, got {largest}",
            hint="labels count from 0; are these the labels of another data set?",
        )


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
