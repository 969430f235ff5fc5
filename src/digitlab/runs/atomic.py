"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from digitlab.errors import DigitlabError, RunError
from digitlab.runs.commits import commit, creating, unfinished
from digitlab.runs.lock_file import locked_if_free, try_lock
from digitlab.runs.machine_failure import machine_failure

TEMPORARY_PREFIX = ".unfinished-"


@contextlib.contextmanager
def atomic_path(path: Path, *, clean_up: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success make it durable and rename it there.

    The temporary name keeps `path`'s suffixes (up to two, as in ``.weights.h5``), since Keras and
    matplotlib choose their format by them.
    On any error nothing is left behind, and an older file at `path` stays as it was.

    Args:
        path: Where the finished file shall appear. Its folder is made if it is missing.
        clean_up: Whether temporary files of the same `path` that killed processes left are removed first. This is
            for a file that a user names, in a folder that no process locks. The temporary file is then locked, so
            that other processes know that it is in use. Defaults to False. HDF5 files cannot be written so, since
            HDF5 locks them itself.

    Raises:
        MachineError: The disk is full, or fails.
        RunError: The folder cannot be written to.
    """
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with creating():
                handle, temporary = _open_temporary(path, clean_up=clean_up)
                stack.enter_context(unfinished(temporary))
        except (OSError, ValueError) as error:  # ValueError: a null byte in the path
            raise _cannot_write(path, error) from error
        with _written(path, temporary, handle):
            yield temporary


@contextlib.contextmanager
def _written(path: Path, temporary: Path, handle: int | None) -> Iterator[None]:
    """Make the file that the block writes durable and rename it; on any error remove it."""
    try:
        yield
        _make_durable(temporary)
        commit(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    except DigitlabError:
        raise
    except Exception as error:  # HDF5 and others have errors of their own for a full disk
        if (failure := machine_failure(error, f"cannot write {path}")) is not None:
            raise failure from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)
    _sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


def _open_temporary(path: Path, *, clean_up: bool) -> tuple[int | None, Path]:
    """Make the temporary file of `path`; with `clean_up` also the descriptor by which it is locked."""
    prefix, suffix = f"{TEMPORARY_PREFIX}{path.stem[:40]}-", "".join(path.suffixes[-2:])
    locks = clean_up and sys.platform != "win32"  # Windows lets nobody write into a locked file
    if locks:
        for other in path.parent.glob(f"{glob.escape(prefix)}{'[a-z0-9_]' * 8}{glob.escape(suffix)}"):
            with locked_if_free(other) as is_free:
                if is_free:
                    other.unlink(missing_ok=True)
    while True:
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=path.parent)
        if not locks:
            os.close(handle)
            return None, Path(name)
        if try_lock(handle) and os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # another process took it for a leftover before it was locked


def _make_durable(path: Path) -> None:
    # mkstemp made it private; a run folder is to be read by whoever may read its neighbours.
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # Without this the rename itself may be lost with the power. Windows has no handle on a folder.
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_write(path: Path, error: Exception) -> RunError:
    return machine_failure(error, f"cannot write {path}") or RunError(
        f"cannot write {path}: {getattr(error, 'strerror', None) or error}",
        hint="free some space or choose another folder with --out; the same command then goes on",
    )
