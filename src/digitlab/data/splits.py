"""`stratified_split`: holding out a part that has every class in the whole's proportion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from digitlab.data.split import Labels, Split
from digitlab.errors import DataError

Indices = npt.NDArray[np.int64]


def stratified_split(split: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Part a split in two, every class in proportion.

    Args:
        split: What to part.
        fraction: Share to hold out, above 0 and below 1.
        seed: The same seed, the same parts.

    Returns:
        What remains, and what is held out; each in the order of the whole. Of a split in a file nothing is copied.

    Raises:
        DataError: One of the parts would be empty.
    """
    rest, held_out = stratified_indices(split.labels, fraction, seed, name=split.name)
    return split.take(rest, f"{split.name} (kept)"), split.take(held_out, f"{split.name} (held out)")


def stratified_indices(labels: Labels, fraction: float, seed: int, *, name: str = "data") -> tuple[Indices, Indices]:
    """The indices that remain and those held out, both ascending; see `stratified_split`."""
    count = len(labels)
    total = round(count * fraction)
    if not 0 < total < count:
        raise DataError(
            f"{name}: holding out {fraction:g} of {count} images leaves one part empty",
            hint="use more images, or another fraction",
        )
    generator = np.random.default_rng(seed)
    held_out = []
    for label, size in _shares(labels, total):
        members = np.flatnonzero(labels == label)
        held_out.append(generator.permutation(members)[:size])
    chosen = np.zeros(count, dtype=bool)
    chosen[np.concatenate(held_out)] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _shares(labels: Labels, total: int) -> list[tuple[int, int]]:
    """How many of each class to hold out: rounded down, what is left to the largest remainders."""
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * total / len(labels)
    sizes = np.floor(exact).astype(int)
    for index in np.argsort(sizes - exact, kind="stable")[: total - sizes.sum()]:
        sizes[index] += 1
    return list(zip(classes.tolist(), sizes.tolist(), strict=True))
