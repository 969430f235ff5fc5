"""Reading what the report needs from a run's own files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from digitlab.data.split import IMAGE_SIDE, Images
from digitlab.evaluation import Evaluation
from digitlab.report.curves import chosen_epoch
from digitlab.report.distorted import Distorted, read_distorted
from digitlab.report.document import Document, Seeds, read_document, read_seeds
from digitlab.report.recommended import Recommended, read_recommended
from digitlab.report.scan import Scan, read_scan
from digitlab.report.search import Search, read_search
from digitlab.report.trials import Trial, read_trials
from digitlab.runs import RunFolder
from digitlab.runs.checks import CheckError, fields, optional, reading, whole, within
from digitlab.runs.checksums import RESTORE
from digitlab.runs.folder import HISTORY
from digitlab.runs.history import check_unfinished
from digitlab.runs.json_file import read_json
from digitlab.runs.layout import CHECKPOINT, EVALUATION, PREDICTIONS
from digitlab.runs.npz_file import check_array, read_arrays
from digitlab.runs.record_checks import check_described

SPLITS = ("validation", "test")
# An evaluation keeps 48 pictures of mistakes per split.
MOST_PICTURE_BYTES = 2 * 1000 * IMAGE_SIDE**2


@dataclass(frozen=True)
class Contents:
    """A run as the report sees it; a stage that did not run is `None` or empty."""

    record: dict[str, Any]
    scan: Scan | None
    trials: tuple[Trial, ...]
    search: Search | None
    history: list[dict[str, float]]
    evaluations: dict[str, Evaluation]
    mistake_images: dict[str, Images]
    seeds: Seeds | None
    document: Document | None
    recommended: Recommended | None
    distorted: Distorted | None


def read_contents(path: Path) -> Contents:
    """Read a run folder.

    Raises:
        RunError: It is no run folder, or one of its files is damaged.
    """
    folder = RunFolder(path)
    record = folder.read_record()
    with reading(folder.record_path, "the file is damaged; restore it, or run again into a new folder"):
        check_described(record)
    history = folder.read_history()
    _check_unfinished(folder, record, history)
    _check_epochs(folder, record, history)
    return Contents(
        record=record,
        scan=read_scan(folder, record),
        trials=read_trials(folder, record),
        search=read_search(record),
        history=history,
        evaluations=_evaluations(folder),
        mistake_images=_mistake_images(folder),
        seeds=read_seeds(record),
        document=read_document(record),
        recommended=read_recommended(record),
        distorted=read_distorted(folder),
    )


def _check_unfinished(folder: RunFolder, record: Mapping[str, Any], history: Sequence[dict[str, float]]) -> None:
    """Until a training has ended, run.json has no checksum of history.csv, but its checkpoint has the same rows."""
    checkpoint = folder / CHECKPOINT
    if record["stages"].get("train", {}).get("status") != "running" or not os.path.lexists(checkpoint):
        return
    with reading(
        folder / HISTORY, f"go on with the training, which writes it anew: digitlab train --resume {folder.path}"
    ):
        check_unfinished(history, checkpoint)


def _check_epochs(folder: RunFolder, record: Mapping[str, Any], history: Sequence[Mapping[str, float]]) -> None:
    """The epoch that run.json names is one of history.csv's, all of which have scores of the held-out images."""
    best = chosen_epoch(record)
    if best is None or not history:
        return
    with reading(folder.record_path, "run.json and history.csv are of two runs; restore them"):
        within("best_epoch", whole(1, len(history)), best)
    with reading(folder / HISTORY, "the file is damaged; restore it, or train again into a new folder"):
        if len({"val_loss" in row for row in history}) > 1:
            raise CheckError("a val_loss for every epoch or for none", "one for some")


def _evaluations(folder: RunFolder) -> dict[str, Evaluation]:
    path = folder / EVALUATION
    folder.check_file(EVALUATION)
    if not os.path.lexists(path):
        return {}
    with reading(path, RESTORE):
        values = fields({}, {name: optional(Evaluation.from_dict) for name in SPLITS})(read_json(path))
        return {name: values[name] for name in SPLITS if values.get(name)}


def _mistake_images(folder: RunFolder) -> dict[str, Images]:
    path = folder / PREDICTIONS
    folder.check_file(PREDICTIONS)
    if not os.path.lexists(path):
        return {}
    keys = {f"{name}_mistake_images": name for name in SPLITS}
    with reading(path, RESTORE):
        arrays = read_arrays(path, keys.__contains__, MOST_PICTURE_BYTES)
        side = (None, IMAGE_SIDE, IMAGE_SIDE)
        return {keys[key]: within(key, lambda a: check_array(a, side, np.uint8), a) for key, a in arrays.items()}
