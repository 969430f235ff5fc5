"""Reading what the report needs from a run's own files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from digitlab.data.split import Images
from digitlab.evaluation import Evaluation
from digitlab.report.distorted import Distorted, read_distorted
from digitlab.report.document import Document, Seeds, read_document, read_seeds
from digitlab.report.reading import reading
from digitlab.report.recommended import Recommended, read_recommended
from digitlab.report.scan import Scan, read_scan
from digitlab.report.search import Search, read_search
from digitlab.report.trials import Trial, read_trials
from digitlab.runs import RunFolder

SPLITS = ("validation", "test")
EVALUATE_AGAIN = "the file is damaged; evaluate the run again"


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
    return Contents(
        record=record,
        scan=read_scan(folder, record),
        trials=read_trials(folder, record),
        search=read_search(folder, record),
        history=folder.read_history(),
        evaluations=_evaluations(folder),
        mistake_images=_mistake_images(folder),
        seeds=read_seeds(folder, record),
        document=read_document(folder, record),
        recommended=read_recommended(folder, record),
        distorted=read_distorted(folder),
    )


def _evaluations(folder: RunFolder) -> dict[str, Evaluation]:
    path = folder / "evaluation.json"
    if not path.exists():
        return {}
    with reading(path, EVALUATE_AGAIN):
        values = json.loads(path.read_text(encoding="utf-8"))
        return {name: Evaluation.from_dict(values[name]) for name in SPLITS if values.get(name)}


def _mistake_images(folder: RunFolder) -> dict[str, Images]:
    path = folder / "predictions.npz"
    if not path.exists():
        return {}
    with reading(path, EVALUATE_AGAIN), path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: archive[key] for name in SPLITS if (key := f"{name}_mistake_images") in archive}
