"""The gate through which every finished file gets its name, and the list of files that are not finished yet.

A process that is interrupted ends without unwinding what it was doing. It shuts the gate first, so that the files stay
as they are. It removes what is half written last: until then other threads may go on writing to it, and would make it
again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

# Longer than any rename takes; a process that ends must not wait for a file system that hangs.
PATIENCE_S = 5

_gate = threading.RLock()
_unfinished: set[Path] = set()


@contextlib.contextmanager
def creating() -> Iterator[None]:
    """Make an unfinished file or folder within the block; wait for ever once the gate is shut."""
    with _gate:
        yield


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Name a file or folder that is to be removed if the process is interrupted within the block."""
    _unfinished.add(path)
    try:
        yield path
    finally:
        _unfinished.discard(path)


def commit(temporary: Path, path: Path) -> None:
    """Rename a finished file to its place; wait for ever once the gate is shut."""
    with _gate:
        temporary.replace(path)


def shut_commits() -> None:
    """From now on only this thread's files appear. For a process that ends."""
    _gate.acquire(timeout=PATIENCE_S)


def remove_unfinished() -> None:
    """Remove what is half written. For the last moment of a process that ends: nothing may wait afterwards."""
    paths = list(_unfinished)
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
    _unlink_alone([path for path in paths if not path.is_dir()])


def _unlink_alone(paths: list[Path]) -> None:
    """Remove files and let no other thread run Python from then on, which could make one of them again."""
    if sys.platform == "win32":
        for path in paths:
            path.unlink(missing_ok=True)
        return
    import ctypes

    library = ctypes.PyDLL(None)  # unlike `os.unlink`, its functions are called without giving the interpreter away
    sys.setswitchinterval(PATIENCE_S)
    for path in paths:
        library.unlink(os.fsencode(path))
