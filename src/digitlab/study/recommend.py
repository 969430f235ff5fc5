"""What one would ship: the winner's widths, trained by a recipe of today, beside what the search found."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from digitlab.config import TrainConfig
from digitlab.data import Dataset, Split
from digitlab.evaluation import compare_probabilities
from digitlab.runs import RunFolder
from digitlab.runs.checks import reading
from digitlab.runs.layout import PREDICTIONS
from digitlab.runs.npz_file import check_array, read_arrays
from digitlab.study.folder import refuse_other_data
from digitlab.study.stages import summarise
from digitlab.study.train import train_and_report

if TYPE_CHECKING:
    from digitlab.training.callbacks import Progress

# A run folder of its own within the study's.
FOLDER = "recommended"


def recommend(folder: RunFolder, dataset: Dataset, recipe: TrainConfig, progress: Progress | None) -> dict[str, Any]:
    """Train a study's winning widths by `recipe`, in a run of its own; gone on with where it had stopped.

    Nothing is chosen here: widths come from the search, all else from the recipe.

    Returns:
        What run.json keeps under ``recommended``: the run's summary, ``run`` and ``report`` relative to the
        study's folder, and ``comparison``, it beside the winner on the same test images.
    """
    from digitlab.training.train import refuse_another_run

    winner = folder.read_record()["config"]
    config = recipe.replace(hidden_units=winner["hidden_units"], seed=winner["seed"])
    own = RunFolder(folder / FOLDER)
    if own.exists() and own.read_record()["status"] == "finished":
        refuse_another_run(own, dataset.train, config)
        refuse_other_data(own, dataset)
    else:
        train_and_report(dataset, config, own.path, progress=progress)
    trained_on = _tested_on_training(own), _tested_on_training(folder)
    comparison = compare_probabilities(*_test_predictions(dataset.test, own, folder), trained_on=trained_on)
    return {
        **summarise(own),
        "run": FOLDER,
        "report": f"{FOLDER}/report.html",
        "comparison": dataclasses.asdict(comparison),
    }


def _tested_on_training(folder: RunFolder) -> int | None:
    """How many of the test images a run's network was trained on; `None` where that is not known."""
    return (folder.read_record()["test"] or {}).get("trained_on")


def _test_predictions(test: Split, a: RunFolder, b: RunFolder) -> tuple[Any, Any, Any]:
    """Labels and both runs' probabilities of the test images."""
    found = []
    shape = (len(test), test.num_classes)
    for folder in (a, b):
        path = folder / PREDICTIONS
        folder.check_file(PREDICTIONS)
        with reading(path, "the file is damaged; run the study again with --overwrite"):
            arrays = read_arrays(path, ("test_labels", "test_probabilities").__contains__, 16 * math.prod(shape))
            labels = check_array(arrays["test_labels"], shape[:1], np.uint8)
            found.append((labels, check_array(arrays["test_probabilities"], shape, np.float32)))
    return found[0][0], found[0][1], found[1][1]
