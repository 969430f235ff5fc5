"""The files of a run folder, told from the user's own: no link is written through, and only they are removed.

A run folder may come from a stranger. Its own path may be a symbolic link, since users keep runs on other disks. Below
it, a symbolic link in the place of one of digitlab's folders is refused before anything is written, and a link in the
place of one of digitlab's files is replaced, never followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from digitlab.errors import RunError
from digitlab.runs.atomic import TEMPORARY_PREFIX
from digitlab.runs.folder import LOCK, RECORD
from digitlab.runs.layout import RUN, Layout
from digitlab.runs.lock_file import locked_if_free

# As `atomic_path` names them: the prefix, up to 40 characters of the name, eight random ones and up to two suffixes.
_TEMPORARY = re.compile(re.escape(TEMPORARY_PREFIX) + r".{0,40}-[a-z0-9_]{8}(\.[^.]*){0,2}", re.DOTALL)


def refuse_links(folder: Path, layout: Layout = RUN) -> None:
    """Raise `RunError` if a symbolic link stands in the place of a folder that digitlab writes into.

    Args:
        folder: A run folder. It may itself be a link, and need not exist.
        layout: The folders that digitlab writes into. Defaults to those of a run.

    Raises:
        RunError: There is such a link, or a folder cannot be read.
    """
    for entry in _entries(folder):
        inner = layout.folder(entry.name)
        if inner is None:
            continue
        if entry.is_symlink():
            raise RunError(
                f"{entry.path}: expected a folder of the run, got a symbolic link",
                hint="digitlab does not write through links inside a run folder; put a real folder in its place,"
                " or link the run folder as a whole",
            )
        if entry.is_dir(follow_symlinks=False):
            refuse_links(Path(entry.path), inner)


def remove_own_files(folder: Path, layout: Layout = RUN) -> None:
    """Remove what digitlab wrote into a folder, by name. Other files stay, with the folders that hold them.

    Links are removed, never followed. The run's record is removed last, so that a folder whose removal was cut short
    is still known as a run folder, and the same command removes the rest.

    Args:
        folder: A run folder, or one of digitlab's folders in it. It need not exist.
        layout: What digitlab writes there. Defaults to what belongs to a run.

    Raises:
        RunError: A folder has the name of one of digitlab's files, or the reverse: nothing is removed then. Or a file
            cannot be removed.
    """
    _refuse_in_the_way(folder, layout)
    try:
        _remove(folder, layout)
    except OSError as error:
        raise RunError(
            f"cannot remove {error.filename or folder}: {error.strerror or error}",
            hint="check the rights of the folder, or choose another with --out",
        ) from error


def remove_own_folder(folder: Path, layout: Layout) -> None:
    """Remove one of digitlab's folders, but for other files that lie in it; see `remove_own_files`."""
    if folder.is_symlink():
        folder.unlink()
        return
    remove_own_files(folder, layout)
    _remove_if_empty(folder)


def remove_unfinished(folder: Path, layout: Layout = RUN) -> None:
    """Remove the temporary files that a killed process left in a run folder. Only the folder's sole writer may call it.

    A folder below it that another process has locked, such as a run inside a study, is left as it is.

    Args:
        folder: A run folder. It need not exist.
        layout: The folders that digitlab writes into. Defaults to those of a run.

    Raises:
        RunError: A folder cannot be read.
    """
    for entry in _entries(folder):
        if _is_temporary(entry):
            Path(entry.path).unlink(missing_ok=True)
        elif (inner := layout.folder(entry.name)) and entry.is_dir(follow_symlinks=False):
            with locked_if_free(Path(entry.path) / LOCK) as is_free:
                if is_free:
                    remove_unfinished(Path(entry.path), inner)


def _remove(folder: Path, layout: Layout) -> None:
    for entry in sorted(_entries(folder), key=lambda entry: entry.name == RECORD):
        path = Path(entry.path)
        inner = layout.folder(entry.name)
        if inner is not None and entry.is_dir(follow_symlinks=False):
            _remove(path, inner)
            _remove_if_empty(path)
        elif inner is not None or layout.is_file(entry.name) or _is_temporary(entry):
            path.unlink(missing_ok=True)


def _refuse_in_the_way(folder: Path, layout: Layout) -> None:
    for entry in _entries(folder):
        inner, is_folder = layout.folder(entry.name), entry.is_dir(follow_symlinks=False)
        if inner is not None and not is_folder and not entry.is_symlink():
            raise _in_the_way(entry, "a folder", "a file")
        if inner is None and is_folder and layout.is_file(entry.name):
            raise _in_the_way(entry, "a file", "a folder")
        if inner is not None and is_folder:
            _refuse_in_the_way(Path(entry.path), inner)


def _in_the_way(entry: os.DirEntry[str], expected: str, received: str) -> RunError:
    return RunError(
        f"{entry.path}: expected {expected} of the run, got {received}, which digitlab did not make",
        hint="move it away, or choose another folder with --out",
    )


def _is_temporary(entry: os.DirEntry[str]) -> bool:
    return _TEMPORARY.fullmatch(entry.name) is not None and not entry.is_dir(follow_symlinks=False)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return
    except OSError:
        if not any(_entries(folder)):  # it holds nothing of the user's, so that something else is wrong
            raise


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise RunError(
            f"cannot read the folder {folder}: {getattr(error, 'strerror', None) or error}",
            hint="check its rights, or choose another folder with --out",
        ) from error
    yield from entries
