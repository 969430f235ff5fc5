"""`Place`: a file or a folder, on this machine or in an object store, and what bulk work does with one."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, cast

from digitlab.runs import RunFolder, atomic_path
from digitlab.runs.regular_file import open_regular
from digitlab.runs.user_path import user_path
from digitlab.text import printable

Kind = Literal["file", "folder", "nothing"]

_URI = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


class Place(Protocol):
    """A file or a folder. What goes wrong is an `OSError`, whatever the place is."""

    @property
    def name(self) -> str:
        """What it is called in results and messages."""

    @property
    def address(self) -> str:
        """What `place` makes it of again, in this process or another."""

    def kind(self) -> Kind:
        """What lies there."""

    def size(self) -> int:
        """Of the file, in bytes."""

    def open(self) -> BinaryIO:
        """The file's bytes, from the start; any place in them may be sought."""

    def files(self) -> list[tuple[Place, int]]:
        """The files in the folder itself and their bytes, in the order of their names."""

    def child(self, name: str) -> Place:
        """What is called so in the folder."""

    def writing(self) -> AbstractContextManager[BinaryIO]:
        """A stream whose content becomes the file when the block ends without an error, and not before."""

    def remove(self) -> None:
        """Remove the file."""

    def held(self) -> AbstractContextManager[None]:
        """The folder, made where it is missing, cleared of what killed processes left half written."""


class LocalPlace:
    """A path of this machine.

    Args:
        path: Made absolute.

    Raises:
        UsageError: There can be no such path.
    """

    def __init__(self, path: Path) -> None:
        self.path = user_path(path).absolute()

    @property
    def name(self) -> str:
        """The absolute path, with control characters and bytes that are no UTF-8 escaped."""
        return printable(str(self.path))

    @property
    def address(self) -> str:
        """The absolute path."""
        return str(self.path)

    def kind(self) -> Kind:
        """What lies there."""
        if self.path.is_dir():
            return "folder"
        return "file" if self.path.exists() else "nothing"

    def size(self) -> int:
        """Of the file, in bytes."""
        return self.path.stat().st_size

    def open(self) -> BinaryIO:
        """The file's bytes."""
        return open_regular(self.path)

    def files(self) -> list[tuple[Place, int]]:
        """The files in the folder itself, by name."""
        paths = sorted(path for path in self.path.iterdir() if path.is_file())
        return [(LocalPlace(path), path.stat().st_size) for path in paths]

    def child(self, name: str) -> Place:
        """What is called so in the folder."""
        return LocalPlace(self.path / name)

    @contextmanager
    def writing(self) -> Iterator[BinaryIO]:
        """A stream that becomes the file, whole or not at all."""
        with atomic_path(self.path) as temporary, temporary.open("wb") as file:
            yield file

    def remove(self) -> None:
        """Remove the file."""
        self.path.unlink()

    def held(self) -> AbstractContextManager[None]:
        """The folder for this process alone.

        Raises:
            RunError: Another process holds it, or it cannot be made.
        """
        return RunFolder(self.path).lock()


def is_uri(text: str) -> bool:
    """Whether it begins as ``s3://`` does."""
    return _URI.match(text) is not None


def place(address: str | Path) -> Place:
    """The place of a path or of a URI that ``pyarrow.fs.FileSystem.from_uri`` knows (s3, gs, abfs, hdfs, file).

    Raises:
        UsageError: No such file system, or the package pyarrow is missing.
    """
    text = str(address)
    if not is_uri(text):
        return LocalPlace(Path(text))
    parts = urllib.parse.urlsplit(text)
    if parts.scheme == "file":
        return LocalPlace(Path(urllib.parse.unquote(parts.path)))
    from digitlab.bulk.remote_place import RemotePlace

    return cast("Place", RemotePlace(text))
