"""Train, evaluate and explain fully connected networks that read handwritten digits.

Importing this costs next to nothing: each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitlab.classifier import Classifier, load_classifier
    from digitlab.config import TrainConfig
    from digitlab.data import Dataset, Split, load_dataset
    from digitlab.evaluation import Comparison, Evaluation, compare, evaluate
    from digitlab.export import export_onnx
    from digitlab.training import Run, train

_HOMES = {
    "Classifier": "digitlab.classifier",
    "Comparison": "digitlab.evaluation",
    "Dataset": "digitlab.data",
    "Evaluation": "digitlab.evaluation",
    "Run": "digitlab.training",
    "Split": "digitlab.data",
    "TrainConfig": "digitlab.config",
    "compare": "digitlab.evaluation",
    "evaluate": "digitlab.evaluation",
    "export_onnx": "digitlab.export",
    "load_classifier": "digitlab.classifier",
    "load_dataset": "digitlab.data",
    "train": "digitlab.training",
}

__all__ = [
    "Classifier",
    "Comparison",
    "Dataset",
    "Evaluation",
    "Run",
    "Split",
    "TrainConfig",
    "compare",
    "evaluate",
    "export_onnx",
    "load_classifier",
    "load_dataset",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("digitlab.runs.version").VERSION
    if name not in _HOMES:
        msg = f"module 'digitlab' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__, "__version__"]
