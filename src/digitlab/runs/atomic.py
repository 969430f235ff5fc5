"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from digitlab.errors import DigitlabError, RunError
from digitlab.runs.commits import commit, unfinished
from digitlab.runs.machine_failure import machine_failure

TEMPORARY_PREFIX = ".unfinished-"


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success make it durable and rename it there.

    The temporary name keeps `path`'s suffixes (up to two, as in ``.weights.h5``), since Keras and
    matplotlib choose their format by them.
    On any error nothing is left behind, and an older file at `path` stays as it was.

    Args:
        path: Where the finished file shall appear. Its folder is made if it is missing.

    Raises:
        MachineError: The disk is full, or fails.
        RunError: The folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f"{TEMPORARY_PREFIX}{path.stem[:40]}-", suffix="".join(path.suffixes[-2:]), dir=path.parent
        )
        os.close(handle)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise _cannot_write(path, error) from error
    temporary = Path(name)
    try:
        with unfinished(temporary):
            yield temporary
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
    _sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


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
