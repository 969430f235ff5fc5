"""Parts: the unit of work, of memory and of starting again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from digitlab.bulk.pictures import PictureFile
from digitlab.bulk.sources import ImageFile
from digitlab.errors import UsageError


class Part(Protocol):
    """A share of the input that is read, answered and written at once."""

    @property
    def number(self) -> int:
        """Its place among the parts, from 0: the order of the rows."""

    @property
    def rows(self) -> int:
        """How many rows its answer has."""


@dataclass(frozen=True)
class ImagePart:
    """Images of one file, from number `start` to before `stop`."""

    number: int
    file: ImageFile
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """Images in it."""
        return self.stop - self.start


@dataclass(frozen=True)
class PicturePart:
    """Some pictures, a file each."""

    number: int
    pictures: tuple[PictureFile, ...]

    @property
    def rows(self) -> int:
        """Pictures in it."""
        return len(self.pictures)


def cut_images(files: Sequence[ImageFile], most: int) -> list[ImagePart]:
    """Every image in one part, in order; a part has images of one file and at most `most` of them.

    Raises:
        UsageError: `most` is below 1.
    """
    _refuse_none(most)
    stretches = [(file, start) for file in files for start in range(0, file.rows, most)]
    return [
        ImagePart(number, file, start, min(start + most, file.rows)) for number, (file, start) in enumerate(stretches)
    ]


def cut_pictures(pictures: Sequence[PictureFile], most: int) -> list[PicturePart]:
    """Every picture in one part, in order, at most `most` in each.

    Raises:
        UsageError: `most` is below 1.
    """
    _refuse_none(most)
    starts = range(0, len(pictures), most)
    return [PicturePart(number, tuple(pictures[start : start + most])) for number, start in enumerate(starts)]


def _refuse_none(most: int) -> None:
    if most < 1:
        raise UsageError(f"a part: expected at least 1 row in it, got {most}", hint="leave it out for the default")
