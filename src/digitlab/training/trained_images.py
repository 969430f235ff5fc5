"""Which images a network was trained on: their fingerprints, in a file of the run."""

from __future__ import annotations

from pathlib import Path

from digitlab.config import TrainConfig
from digitlab.data.fingerprints import (
    FINGERPRINTS_FILE,
    Fingerprints,
    count_among,
    fingerprint_split,
    merge_fingerprints,
    read_beside,
    write_fingerprints,
)
from digitlab.data.split import Split
from digitlab.runs import RunFolder, find_model
from digitlab.training.held_out import hold_out


def write_trained_images(folder: RunFolder, fitted: Split, config: TrainConfig) -> None:
    """Write the fingerprints of what a network was trained on into its run folder.

    The images of a teacher's training are added as far as they are known: its answers tell of them.

    Args:
        folder: The run's.
        fitted: The images trained on, without those held out for validation.
        config: Names the teacher, if there is one.

    Raises:
        RunError: The file cannot be written, or the teacher's is damaged.
    """
    found = fingerprint_split(fitted)
    teacher = teachers_images(config)
    if teacher is not None:
        found = merge_fingerprints(found, teacher)
    write_fingerprints(folder / FINGERPRINTS_FILE, found)


def copies_held_out(split: Split, config: TrainConfig) -> tuple[int, int]:
    """How many of the held-out images of a split are copies of images that are trained on, and how many there are."""
    fitted, held_out = hold_out(split, config)
    return (count_among(held_out, fingerprint_split(fitted)), len(held_out)) if held_out is not None else (0, 0)


def teachers_images(config: TrainConfig) -> Fingerprints | None:
    """The fingerprints of what the teacher was trained on; `None` without a teacher or where they are not known."""
    return read_beside(find_model(Path(config.teacher))[0]) if config.teacher else None
