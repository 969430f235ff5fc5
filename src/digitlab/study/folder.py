"""What may become of a run folder: whose it is, whether it can be gone on with, how it is emptied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from digitlab.data import Dataset
from digitlab.errors import RunError
from digitlab.runs import RunFolder
from digitlab.runs.folder import LOCK, RECORD
from digitlab.runs.layout import RUN
from digitlab.runs.own_files import remove_own_files


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """What run.json says of a data set beside its training split."""
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "test": len(dataset.test),
        "note": dataset.note,
        "source": dataset.source,
    }


def refuse_finished(folder: RunFolder) -> None:
    """Raise `RunError` where a finished run lies in the folder."""
    if folder.exists() and folder.read_record()["status"] == "finished":
        raise RunError(
            f"{folder.path} holds a finished run",
            hint="add --overwrite to run anew, or choose another folder with --out",
        )


def refuse_foreign_folder(folder: RunFolder, *, overwrite: bool = False) -> None:
    """Raise `RunError` where the folder holds something else than a run.

    Args:
        folder: The folder that a run is to be written into.
        overwrite: Whether the remains of a run are accepted too: files that digitlab writes, without run.json. A
            removal that was interrupted leaves them. Defaults to False.

    Raises:
        RunError: Something else lies in the folder.
    """
    path = folder.path
    names = [] if folder.exists() else [name for name in _names(path) if not name.startswith(".")]
    foreign = [name for name in names if not (RUN.is_file(name) or RUN.folder(name))]
    if foreign and not (overwrite and _was_run_folder(folder)):
        raise RunError(
            f"{path} exists and is no run folder: {', '.join(foreign[:3])} lies in it",
            hint="choose a new or empty folder with --out",
        )
    if names and not overwrite:
        raise RunError(
            f"{path} holds the remains of a run, without {RECORD}: {', '.join(names[:3])}",
            hint="add --overwrite to remove them, or choose a new or empty folder with --out",
        )


def _was_run_folder(folder: RunFolder) -> bool:
    """Whether digitlab's lock lies in the folder: an empty file, which stays when the run beside it is removed."""
    lock = folder / LOCK
    return lock.is_file() and not lock.is_symlink() and lock.stat().st_size == 0


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):  # the latter is reported where the folder is made
        return []
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise RunError(
            f"cannot read the folder {folder}: {getattr(error, 'strerror', None) or error}",
            hint="check its rights, or choose another folder with --out",
        ) from error


def refuse_other_data(folder: RunFolder, dataset: Dataset) -> None:
    """Raise `RunError` for another test split. The training split has been compared before."""
    if folder.read_record()["dataset"].get("fingerprint") != dataset.fingerprint:
        raise RunError(
            f"{folder.path} holds an unfinished run with another test split",
            hint="name the data it was begun with, add --overwrite, or choose another --out",
        )


def close_interrupted(folder: RunFolder) -> None:
    """Leave a folder that says what it is, with a report of the epochs so far."""
    if mark_interrupted(folder):
        from digitlab.report import write_report

        write_report(folder.path)


def mark_interrupted(folder: RunFolder) -> bool:
    """Say in run.json that the run was interrupted; whether there is anything yet to draw a report of."""
    if not folder.exists():
        return False
    record = folder.update_record(status="interrupted")
    return bool(folder.read_history()) or "scan" in record or "search" in record


def clear_run(folder: RunFolder) -> None:
    """Remove what digitlab wrote into a run folder, and nothing else.

    Raises:
        RunError: Something that digitlab did not make has the name of one of its files or folders; nothing is removed
            then. Or a file cannot be removed.
    """
    remove_own_files(folder.path)
