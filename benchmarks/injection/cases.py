"""The commands that are killed, on a few hundred images, and what lies in their folder before."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import digitlab

TRAIN_IMAGES, TEST_IMAGES, PICTURES = 400, 100, 100
OUT = "out"

_TRAIN = (
    "train", "--data", "INPUTS/data", "--preset", "document", "--hidden", "8", "--epochs", "3", "--patience", "2",
    "--out", OUT,
)  # fmt: skip
_SEARCH = (
    "--data", "INPUTS/data", "--preset", "document", "--layers", "1", "--units", "4",
    "--learning-rates", "0.01,0.003,0.001", "--max-epochs", "3", "--finalists", "2", "--finalist-seeds", "2",
    "--lanes", "2", "--out", OUT,
)  # fmt: skip
_PREDICT = ("predict", "INPUTS/data/train-images.npy", "--part-rows", "50", "--out", OUT)


@dataclass(frozen=True)
class Case:
    """A command that is killed and run again.

    Args:
        name: What the table calls it.
        arguments: After ``digitlab``; ``INPUTS`` stands for the folder of `write_inputs`.
        kills: Its share of 450 kills before a change.
        moments: Its share of 50 kills at a moment.
        before: A command whose finished folder is there when the command begins, `None` for an empty place.
    """

    name: str
    arguments: tuple[str, ...]
    kills: int
    moments: int
    before: tuple[str, ...] | None = None

    def with_inputs(self, folder: Path) -> Case:
        """The same with the absolute path of the inputs, which is part of predictions."""
        before = self.before and tuple(text.replace("INPUTS", str(folder)) for text in self.before)
        arguments = tuple(text.replace("INPUTS", str(folder)) for text in self.arguments)
        return dataclasses.replace(self, arguments=arguments, before=before)


CASES = (
    Case("train", _TRAIN, 85, 12),
    Case("ensemble", (*_TRAIN, "--patience", "0", "--members", "2"), 50, 5),
    Case("shards", (*_TRAIN, "--shard-images", "160"), 40, 5),
    Case("tune", ("tune", *_SEARCH), 45, 5),
    Case("study", ("study", *_SEARCH, "--scan-epochs", "1", "--no-recommend"), 20, 3),
    Case("study with its recommended network", ("study", *_SEARCH, "--scan-epochs", "1"), 10, 1),
    Case("predict", _PREDICT, 80, 6),
    Case("read", ("read", "INPUTS/pictures", "--out", OUT), 60, 5),
    Case("train --overwrite", (*_TRAIN, "--overwrite"), 20, 3, before=(*_TRAIN, "--seed", "1")),
    Case(
        "tune --overwrite", ("tune", *_SEARCH, "--overwrite"), 10, 1,
        before=("tune", *_SEARCH, "--seed", "1", "--finalists", "3"),
    ),
    Case("predict --overwrite", (*_PREDICT, "--overwrite"), 30, 4, before=(*_PREDICT, "--part-rows", "40")),
)  # fmt: skip


def write_inputs(folder: Path) -> None:
    """The images and the pictures that the commands name, beside the folders that they run in."""
    sample = digitlab.load_dataset("sample")
    (folder / "data").mkdir()
    for part, split, count in (("train", sample.train, TRAIN_IMAGES), ("test", sample.test, TEST_IMAGES)):
        chosen = np.random.default_rng(0).permutation(len(split.labels))[:count]  # the sample is sorted by class
        np.save(folder / "data" / f"{part}-images.npy", split.images[chosen])
        np.save(folder / "data" / f"{part}-labels.npy", split.labels[chosen])
    (folder / "pictures").mkdir()
    for number, image in enumerate(sample.test.images[:: len(sample.test) // PICTURES][:PICTURES]):
        Image.fromarray(255 - image).save(folder / "pictures" / f"{number:03d}.png")


class Places:
    """Folders to run a case in, each with what is there before it begins.

    Args:
        folder: Gets them.
        case: The case.
        prepare: Runs a command in a folder: that of `Case.before`.
    """

    def __init__(self, folder: Path, case: Case, prepare: Callable[[tuple[str, ...], Path], None]) -> None:
        self._folder = folder
        self._stem = "".join(c if c.isalnum() else "-" for c in case.name)
        self._number = 0
        self._before: Path | None = None
        if case.before:
            self._before = self.empty()
            prepare(case.before, self._before)

    def empty(self) -> Path:
        """A new, empty folder."""
        self._number += 1
        path = self._folder / f"{self._stem}-{self._number}"
        path.mkdir()
        return path

    def ready(self) -> Path:
        """A new folder as the case finds it."""
        path = self.empty()
        if self._before is not None:
            shutil.copytree(self._before, path, dirs_exist_ok=True)
        return path
