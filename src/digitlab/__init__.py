"""Train, evaluate and explain fully connected networks that read handwritten digits.

Importing this costs next to nothing: each name below is loaded when it is first used.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` itself imports `enum`: some milliseconds
import sys
import time

# Before everything else: signals that arrive while the command's handlers are loaded wait until they are there.
_BLOCKED_BEFORE = (
    _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGINT, _signal.SIGTERM))
    if hasattr(_signal, "pthread_sigmask")
    else None
)

TYPE_CHECKING = False  # type checkers know the name, and `typing` takes some milliseconds to import
if TYPE_CHECKING:
    from typing import Any

    from digitlab.bulk import predict_files, read_files
    from digitlab.classifier import Classifier, load_classifier
    from digitlab.config import TrainConfig
    from digitlab.data import Dataset, Split, load_dataset
    from digitlab.evaluation import Comparison, Evaluation, compare, evaluate
    from digitlab.export import export_onnx, export_page
    from digitlab.reading import Line, Reading, read_digit, read_number
    from digitlab.scan.result import ScanResult
    from digitlab.scan.scan import scan_learning_rates
    from digitlab.server import create_app
    from digitlab.study.search import tune
    from digitlab.training.run import Run
    from digitlab.training.train import train
    from digitlab.tuning.config import SearchConfig
    from digitlab.tuning.result import SearchResult
    from digitlab.tuning.space import SearchSpace

# The clock of a command starts here, before anything else is imported; see `digitlab.cli.clock`.
_STARTED = time.perf_counter()


def _is_the_command() -> bool:
    """Whether this process was started as ``digitlab`` or ``python -m digitlab``, and does not only import it."""
    typed = sys.orig_argv
    if sys.argv[:1] == ["-m"]:
        return "-m" in typed and typed[typed.index("-m") + 1 :][:1] == ["digitlab"]
    # Worker processes are given the `argv` of their parent, and were not started by it.
    program = sys.argv[0] if sys.argv else ""
    return program in typed and program.replace("\\", "/").rpartition("/")[2] in ("digitlab", "digitlab.exe")


if _is_the_command():
    from digitlab.cli.interruption import interruption

    interruption.listen(at_start=True)
    if _BLOCKED_BEFORE is not None:  # a command that was started with them blocked heeds them all the same
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGINT, _signal.SIGTERM))
elif _BLOCKED_BEFORE is not None:
    _signal.pthread_sigmask(_signal.SIG_SETMASK, _BLOCKED_BEFORE)

_HOMES = {
    "Classifier": "digitlab.classifier",
    "Comparison": "digitlab.evaluation",
    "Dataset": "digitlab.data",
    "Evaluation": "digitlab.evaluation",
    "Line": "digitlab.reading",
    "Reading": "digitlab.reading",
    "Run": "digitlab.training.run",
    "ScanResult": "digitlab.scan.result",
    "SearchConfig": "digitlab.tuning.config",
    "SearchResult": "digitlab.tuning.result",
    "SearchSpace": "digitlab.tuning.space",
    "Split": "digitlab.data",
    "TrainConfig": "digitlab.config",
    "compare": "digitlab.evaluation",
    "create_app": "digitlab.server",
    "evaluate": "digitlab.evaluation",
    "export_onnx": "digitlab.export",
    "export_page": "digitlab.export",
    "load_classifier": "digitlab.classifier",
    "load_dataset": "digitlab.data",
    "predict_files": "digitlab.bulk",
    "read_digit": "digitlab.reading",
    "read_files": "digitlab.bulk",
    "read_number": "digitlab.reading",
    "scan_learning_rates": "digitlab.scan.scan",
    "train": "digitlab.training.train",
    "tune": "digitlab.study.search",
}

__all__ = [
    "Classifier",
    "Comparison",
    "Dataset",
    "Evaluation",
    "Line",
    "Reading",
    "Run",
    "ScanResult",
    "SearchConfig",
    "SearchResult",
    "SearchSpace",
    "Split",
    "TrainConfig",
    "compare",
    "create_app",
    "evaluate",
    "export_onnx",
    "export_page",
    "load_classifier",
    "load_dataset",
    "predict_files",
    "read_digit",
    "read_files",
    "read_number",
    "scan_learning_rates",
    "train",
    "tune",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name == "__version__":
        return importlib.import_module("digitlab.runs.version").VERSION
    if name not in _HOMES:
        msg = f"module 'digitlab' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__, "__version__"]
