"""`open_regular`: a file is opened only if it is one, so that nothing else in its place can hang or flood a reader."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotRegularError(OSError):
    """The path names a folder, a pipe, a socket, a device, or a symbolic link where none is followed."""


def open_regular(path: Path, *, follow_links: bool = True) -> BinaryIO:
    """Open a regular file for reading. Anything else is refused before a byte of it is read.

    A named pipe would block its reader for ever, and a device such as /dev/zero has no end.

    Args:
        path: The file.
        follow_links: Whether `path` itself may be a symbolic link. Defaults to True. Folders on the way to it
            may be links in any case.

    Returns:
        The file, open in binary mode at its first byte.

    Raises:
        NotRegularError: `path` is no regular file, or a symbolic link where none is followed.
        OSError: There is no such file, or it cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    if not follow_links:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow_links:
            raise _not_regular(path, "a symbolic link") from error
        if error.errno == errno.ENXIO:  # a socket cannot be opened at all
            raise _not_regular(path, "a socket or a device") from error
        raise
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG:
            raise _not_regular(path, _KINDS.get(kind, "something else"))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def open_lock_file(path: Path) -> BinaryIO:
    """Open a lock file, made where it is missing, without changing what lies there.

    Args:
        path: The file. A symbolic link in its place is refused, whatever it points to.

    Returns:
        The file, open for reading and writing.

    Raises:
        NotRegularError: Something else than a regular file lies there.
        OSError: It can be neither opened nor made.
    """
    flags = os.O_RDWR | os.O_CREAT
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _not_regular(path, "a symbolic link") from error
        if error.errno == errno.EISDIR:
            raise _not_regular(path, "a folder") from error
        if error.errno == errno.ENXIO:
            raise _not_regular(path, "a socket or a device") from error
        raise
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG:
            raise _not_regular(path, _KINDS.get(kind, "something else"))
        return os.fdopen(descriptor, "r+b", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise


def _not_regular(path: Path, kind: str) -> NotRegularError:
    return NotRegularError(errno.EINVAL, f"expected a regular file, got {kind}", str(path))
