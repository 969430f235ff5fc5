"""`Layout`: the names of what digitlab writes into a run folder. Everything else in it belongs to the user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from digitlab.runs.folder import HISTORY, LOCK, RECORD

MODEL, ONNX, PAGE = "model.keras", "model.onnx", "model.html"
EVALUATION, PREDICTIONS = "evaluation.json", "predictions.npz"
DISTORTED, SCAN, TRIALS = "distorted.npz", "scan.csv", "trials.csv"
FINGERPRINTS = "training_fingerprints.npy"
CHECKPOINT, SEARCH_RECORD = "checkpoints/state.npz", "search/search.json"


@dataclass(frozen=True)
class Layout:
    """The files and folders that digitlab writes into one folder.

    Args:
        files: Regular expressions of the files' names. Each must match a whole name.
        folders: The layout of each folder, by a regular expression of its name. Defaults to none.
    """

    files: tuple[str, ...]
    folders: Mapping[str, Layout] = field(default_factory=dict)

    def is_file(self, name: str) -> bool:
        """Whether digitlab writes a file of this name."""
        return any(re.fullmatch(pattern, name) for pattern in self.files)

    def folder(self, name: str) -> Layout | None:
        """The layout of the folder of this name, `None` where digitlab makes no such folder."""
        return next((inner for pattern, inner in self.folders.items() if re.fullmatch(pattern, name)), None)


_TRIAL = r"(i\d+-)?b\d+-r\d+-\d+"

EVENTS = Layout((r"events\.out\.tfevents\..+",))
TENSORBOARD = Layout(EVENTS.files, {rf"train|validation|{_TRIAL}": EVENTS})
CHECKPOINTS = Layout((r"state\.npz", r"best\.keras"))
_FIGURE = (
    r"(range_test|learning_rates|trials|finalists|distorted|learning_curves|confusion_validation|confusion_test"
    r"|calibration|risk_coverage|mistakes)\.(svg|png)"
)
FIGURES = Layout((_FIGURE,))
# What Ray Tune itself keeps of a search while it runs.
RAY_ACCOUNT = Layout(
    (
        r"\.validate_storage_marker",
        r"(tuner|trainable)\.pkl",
        r"(experiment_state|basic-variant-state|searcher-state|search_gen_state)-.+",
    ),
    {
        r"[0-9a-f]+_\d+": Layout(
            (r"(params|result)\.json", r"params\.pkl", r"progress\.csv", r"error\.(txt|pkl)", *EVENTS.files),
            {r"checkpoint_\d+": Layout((r"_dict_checkpoint\.pkl", r"\.metadata\.json", r"\.is_checkpoint"))},
        )
    },
)
SEARCH = Layout(
    (r"search\.json", re.escape(LOCK)),
    {rf"trial_{_TRIAL}": Layout((r"trial\.json", r"state\.npz", r"checkpoint\.weights\.h5")), "ray": RAY_ACCOUNT},
)
FINALISTS = Layout((r"\d+-seed-\d+\.(json|weights\.h5)",))
MEMBER = Layout((re.escape(HISTORY), re.escape(MODEL)), {"checkpoints": CHECKPOINTS, "tensorboard": TENSORBOARD})

_FILES = tuple(
    map(
        re.escape,
        (
            RECORD, HISTORY, MODEL, ONNX, PAGE, EVALUATION, PREDICTIONS, DISTORTED, SCAN, TRIALS, FINGERPRINTS,
            "report.html",
        ),
    )
)  # fmt: skip
_FOLDERS = {
    "checkpoints": CHECKPOINTS,
    "tensorboard": TENSORBOARD,
    "figures": FIGURES,
    "search": SEARCH,
    "finalists": FINALISTS,
    "members": Layout((), {r"\d+": MEMBER}),
}
RUN = Layout(_FILES, {**_FOLDERS, "recommended": Layout((*_FILES, re.escape(LOCK)), _FOLDERS)})
