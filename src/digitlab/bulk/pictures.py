"""`find_pictures`: from what was named to the picture files that are meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from digitlab.bulk.place import place
from digitlab.bulk.reading import reading
from digitlab.errors import UsageError
from digitlab.imaging.formats import SUFFIXES


@dataclass(frozen=True, order=True)
class PictureFile:
    """A picture in a file.

    Args:
        name: What it is called in results and messages.
        address: What `place` opens it by.
        bytes: Its size.
    """

    name: str
    address: str
    bytes: int


def find_pictures(pictures: Sequence[str | Path]) -> list[PictureFile]:
    """The pictures that are meant, each once, in the order of their names.

    Args:
        pictures: Files, folders (of which the pictures in themselves count), or URIs of either.

    Raises:
        DataError: A folder cannot be read.
        UsageError: Nothing is there, or no picture in a folder.
    """
    return sorted({picture for one in pictures for picture in _meant(str(one))})


def _meant(named: str) -> Iterator[PictureFile]:
    where = place(named)
    with reading(where.name):
        kind = where.kind()
        if kind == "file":
            yield PictureFile(where.name, where.address, where.size())
            return
        inside = where.files() if kind == "folder" else []
    if kind == "nothing" or not named:
        raise UsageError(f"{named!r}: expected a picture or a folder of them, found nothing", hint="check the path")
    found = [(file, size) for file, size in inside if file.name.lower().endswith(SUFFIXES)]
    if not found:
        raise UsageError(f"{where.name}: expected pictures in it, found none", hint=f"known are {', '.join(SUFFIXES)}")
    for file, size in found:
        yield PictureFile(file.name, file.address, size)
