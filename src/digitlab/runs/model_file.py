"""`find_model`: the model file that a user means by a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from digitlab.errors import ModelError, RunError
from digitlab.runs.folder import RunFolder


def find_model(target: Path) -> tuple[Path, dict[str, Any] | None]:
    """The ``model.keras`` of a run folder with the run's record, or a file as it is, with none.

    Raises:
        ModelError: Nothing is there.
        RunError: The folder is no run, or its training has not finished.
    """
    if not target.exists():
        raise ModelError(
            f"{target}: expected a run folder or a model file, found nothing",
            hint="`digitlab train` makes run folders under runs/",
        )
    if not target.is_dir():
        return target, None
    record = RunFolder(target).read_record()
    if not (target / "model.keras").exists():
        raise RunError(
            f"{target}: expected a finished training, found no model.keras",
            hint=f"finish it first: digitlab train --resume {target}",
        )
    return target / "model.keras", record
