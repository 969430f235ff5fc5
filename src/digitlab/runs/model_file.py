"""`find_model`: the model file that a user means by a path."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from digitlab.errors import ModelError, RunError
from digitlab.runs.folder import RunFolder
from digitlab.runs.layout import MODEL


def find_model(target: Path) -> tuple[Path, dict[str, Any] | None]:
    """The ``model.keras`` of a run folder with the run's record, or a file as it is, with none.

    Raises:
        ModelError: Nothing is there, or neither a folder nor a regular file.
        RunError: The folder is no run, its training has not finished, or its file is not the one that it left.
    """
    mode = _mode(target)
    if mode is None:
        raise ModelError(
            f"{target}: expected a run folder or a model file, found nothing",
            hint="`digitlab train` makes run folders under runs/",
        )
    if not stat.S_ISDIR(mode):
        _refuse_irregular(target, mode)
        return target, None
    record = RunFolder(target).read_record()
    file = target / MODEL
    mode = _mode(file)
    if mode is None:
        raise RunError(
            f"{target}: expected a finished training, found no model.keras",
            hint=f"finish it first: digitlab train --resume {target}",
        )
    _refuse_irregular(file, mode)
    RunFolder(target).check_file(file.name, record)
    return file, record


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise ModelError(
            f"{path}: expected a run folder or a model file, got: {getattr(error, 'strerror', None) or error}",
            hint="check the path and its rights",
        ) from error


def _refuse_irregular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise ModelError(
            f"{path}: expected a model file, got a folder, a pipe or a device", hint="name a .keras or .onnx file"
        )
