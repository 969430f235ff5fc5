"""Whether the images that a network is scored on were in its training."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from digitlab.data.fingerprints import Fingerprints, count_among
from digitlab.data.split import Split


@runtime_checkable
class KnowsTrainingImages(Protocol):
    """A classifier that knows which images its network was trained on."""

    @property
    def training_fingerprints(self) -> Fingerprints | None:
        """Ascending fingerprints of those images, uint64 [m]; `None` where they are not known."""
        ...


def count_trained_on(classifier: object, split: Split) -> int | None:
    """How many images of a split a classifier's network was trained on, `None` where that is not known.

    Only exact copies are recognised.

    Raises:
        RunError: The file of fingerprints beside the network is damaged.
    """
    known = classifier.training_fingerprints if isinstance(classifier, KnowsTrainingImages) else None
    return None if known is None else count_among(split, known)


def overlap_sentence(trained_on: int | None, n: int) -> str:
    """What a reader of a score must know of the images behind it; empty where none of them was in the training.

    Args:
        trained_on: How many of them were in the network's training, `None` where that is not known.
        n: How many there are.
    """
    if not trained_on:
        return ""
    if trained_on == n:
        those = f"all {n:,} of these images were" if n > 1 else "this image was"
        return f"{those} in its training; the score says nothing about new ones"
    were = "was" if trained_on == 1 else "were"
    return f"{trained_on:,} of these {n:,} images {were} in its training; for new ones the score may be too high"
