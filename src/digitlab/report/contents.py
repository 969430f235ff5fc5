"""Reading what the report needs from a run's own files."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from digitlab.data.split import Images
from digitlab.errors import RunError
from digitlab.evaluation import Evaluation
from digitlab.runs import RunFolder

SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Contents:
    """A run as the report sees it; splits that were not scored are missing from the dictionaries."""

    record: dict[str, Any]
    history: list[dict[str, float]]
    evaluations: dict[str, Evaluation]
    mistake_images: dict[str, Images]


def read_contents(path: Path) -> Contents:
    """Read a run folder.

    Raises:
        RunError: It is no run folder, or one of its files is damaged.
    """
    folder = RunFolder(path)
    record = folder.read_record()
    return Contents(record, folder.read_history(), _evaluations(folder), _mistake_images(folder))


def _evaluations(folder: RunFolder) -> dict[str, Evaluation]:
    path = folder / "evaluation.json"
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return {name: Evaluation.from_dict(values[name]) for name in SPLITS if values.get(name)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from error


def _mistake_images(folder: RunFolder) -> dict[str, Images]:
    path = folder / "predictions.npz"
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[key] for name in SPLITS if (key := f"{name}_mistake_images") in archive}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RunError:
    return RunError(
        f"{path}: expected what digitlab wrote there, got: {error}",
        hint="the file is damaged; evaluate the run again",
    )
