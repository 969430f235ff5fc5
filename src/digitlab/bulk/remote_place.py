"""`RemotePlace`: a file or a folder of a file system that pyarrow knows by its URI."""

from __future__ import annotations

import re
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, BinaryIO, cast

from digitlab.bulk.arrow import import_filesystems
from digitlab.bulk.place import Kind
from digitlab.errors import UsageError
from digitlab.runs.atomic import TEMPORARY_PREFIX

# user:password@, which belongs into no result and no message. Azure's container@account is none.
_SECRET = re.compile(r"(?<=://)[^/@:]*:[^/@]*@")


class RemotePlace:
    """A place of an object store or another file system.

    Args:
        uri: Such as ``s3://bucket/folder?region=eu-central-1``; what stands behind the ``?`` is the file system's.

    Raises:
        UsageError: pyarrow knows no such file system, or is missing.
    """

    def __init__(self, uri: str) -> None:
        self._parts = urllib.parse.urlsplit(uri)
        self._files, root = _file_system(self._parts.scheme, self._parts.netloc, self._parts.query)
        self._path = f"{root.rstrip('/')}/{urllib.parse.unquote(self._parts.path).strip('/')}".rstrip("/")

    @property
    def name(self) -> str:
        """The URI without a password and without settings."""
        return _SECRET.sub("", urllib.parse.urlunsplit(self._parts._replace(query="")))

    @property
    def address(self) -> str:
        """The whole URI."""
        return urllib.parse.urlunsplit(self._parts)

    def kind(self) -> Kind:
        """What lies there."""
        from pyarrow.fs import FileType

        kinds: dict[Any, Kind] = {FileType.File: "file", FileType.Directory: "folder"}
        return kinds.get(self._files.get_file_info(self._path).type, "nothing")

    def size(self) -> int:
        """Of the file, in bytes."""
        return int(self._files.get_file_info(self._path).size)

    def open(self) -> BinaryIO:
        """The file's bytes, fetched as they are asked for."""
        return cast("BinaryIO", self._files.open_input_file(self._path))

    def files(self) -> list[tuple[RemotePlace, int]]:
        """The files in the folder itself, by name."""
        from pyarrow.fs import FileSelector

        found = [entry for entry in self._files.get_file_info(FileSelector(self._path)) if entry.is_file]
        return [
            (self.child(entry.base_name), int(entry.size)) for entry in sorted(found, key=lambda one: one.base_name)
        ]

    def child(self, name: str) -> RemotePlace:
        """What is called so in the folder."""
        path = f"{self._parts.path.rstrip('/')}/{urllib.parse.quote(name)}"
        return RemotePlace(urllib.parse.urlunsplit(self._parts._replace(path=path)))

    @contextmanager
    def writing(self) -> Iterator[BinaryIO]:
        """A stream that becomes the file; hidden at first, since some file systems show what is unfinished."""
        folder, _, name = self._path.rpartition("/")
        temporary = f"{folder}/{TEMPORARY_PREFIX}{uuid.uuid4().hex}-{name}"
        self._files.create_dir(folder, recursive=True)
        try:
            with self._files.open_output_stream(temporary) as stream:
                yield stream
            self._files.move(temporary, self._path)
        except BaseException:
            self._remove_if_there(temporary)
            raise

    def remove(self) -> None:
        """Remove the file."""
        self._files.delete_file(self._path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """The folder. Nothing keeps two processes apart here: object stores have no locks."""
        self._files.create_dir(self._path, recursive=True)
        for entry, _ in self.files():
            if entry._path.rpartition("/")[2].startswith(TEMPORARY_PREFIX):
                entry.remove()
        yield

    def _remove_if_there(self, path: str) -> None:
        if self._files.get_file_info(path).is_file:
            self._files.delete_file(path)


@cache
def _file_system(scheme: str, host: str, query: str) -> tuple[Any, str]:
    """One client for all places of a bucket, since making one costs a request."""
    root = urllib.parse.urlunsplit((scheme, host, "/" if not host else "", query, ""))
    filesystems = import_filesystems()
    try:
        found, path = filesystems.FileSystem.from_uri(root)
    except (ValueError, NotImplementedError, OSError) as error:
        raise UsageError(
            f"{_SECRET.sub('', root)}: expected a file system that pyarrow knows, got: {error}",
            hint="s3://, gs://, abfs://, hdfs:// or file://; credentials are looked for where its clients look",
        ) from error
    return found, str(path)
