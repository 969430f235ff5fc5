"""Locks of the operating system on files: released when their process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


def try_lock(descriptor: int) -> bool:
    """Lock an open file for this descriptor, without waiting; whether that succeeded."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Lock a file while the block runs, unless another process holds it.

    Args:
        path: The file. Where there is none, nobody holds it. A symbolic link is not followed.

    Returns:
        Whether no other process holds it.
    """
    flags = os.O_RDWR | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        yield True
        return
    except OSError:  # a link, or somebody else's
        yield False
        return
    try:
        yield try_lock(descriptor)
    finally:
        os.close(descriptor)
