"""The pipeline behind ``digitlab train``: train, evaluate, report; every stage resumable.

It stands above the report, since its last stage writes one.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from digitlab.config import TrainConfig
from digitlab.data import Dataset, Split
from digitlab.errors import RunError
from digitlab.evaluation import Evaluation, evaluate_probabilities
from digitlab.runs import RunFolder, atomic_path, find_model, write_text

if TYPE_CHECKING:
    from digitlab.training import Progress

GALLERY = 48

_RUN_FILES = (
    "run.json", "history.csv", "model.keras", "model.onnx", "evaluation.json", "predictions.npz", "report.html",
)  # fmt: skip
_RUN_FOLDERS = ("checkpoints", "tensorboard", "figures")

StageListener = Callable[[str], None]


def train_and_report(
    dataset: Dataset,
    config: TrainConfig,
    path: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    on_stage: StageListener = lambda stage: None,
) -> dict[str, Any]:
    """Train a network, open the test split once, and write the report.

    Interrupted at any moment, the same call goes on where it stopped.

    Args:
        dataset: Training and test split.
        config: Architecture and procedure.
        path: The run folder.
        overwrite: Throw away a run that is already there.
        progress: Told about every epoch.
        on_stage: Told the name of each stage as it begins.

    Returns:
        The summary that ``--json`` prints.

    Raises:
        RunError: The folder holds a finished run, or another configuration's, or is in use.
    """
    folder = RunFolder(path)
    _refuse_foreign_folder(folder)
    with folder.lock():
        if overwrite:
            clear_run(folder)
        if folder.exists() and folder.read_record()["status"] == "finished":
            raise RunError(
                f"{path} holds a finished run",
                hint="add --overwrite to train anew, or choose another folder with --out",
            )
        try:
            _run_stages(folder, dataset, config, progress, on_stage)
        except KeyboardInterrupt:
            _close_interrupted(folder)
            raise
    return summarise(folder)


def _run_stages(
    folder: RunFolder,
    dataset: Dataset,
    config: TrainConfig,
    progress: Progress | None,
    on_stage: StageListener,
) -> None:
    from digitlab.training import hold_out, train_in

    if folder.exists():
        _refuse_other_data(folder, dataset)
        folder.update_record(status="running")
    if not stage_finished(folder, "train"):
        on_stage("train")
        about = {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "test": len(dataset.test),
            "note": dataset.note,
            "source": dataset.source,
        }
        train_in(folder, dataset.train, config, about=about, progress=progress)
    if not stage_finished(folder, "evaluate"):
        on_stage("evaluate")
        _, validation = hold_out(dataset.train, config)
        evaluate_in(folder, validation, dataset.test)
    if not stage_finished(folder, "report"):
        on_stage("report")
        report_in(folder)
    folder.update_record(status="finished")


def stage_finished(folder: RunFolder, stage: str) -> bool:
    """Whether run.json says that a stage has ended."""
    if not folder.exists():
        return False
    return bool(folder.read_record()["stages"].get(stage, {}).get("status") == "finished")


def evaluate_in(folder: RunFolder, validation: Split | None, test: Split) -> None:
    """Score a run's network on its validation and its test split, and record that the test was opened."""
    from digitlab.model import load_keras_classifier

    started = time.perf_counter()
    classifier = load_keras_classifier(folder / "model.keras")
    opened = folder.read_record().get("test_opened") or datetime.now(UTC).isoformat(timespec="seconds")
    folder.update_record(test_opened=opened)
    evaluations: dict[str, Evaluation | None] = {"validation": None}
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, split in (("validation", validation), ("test", test)):
        if split is None:
            continue
        probabilities = classifier.predict_proba(split.images)
        evaluation = evaluate_probabilities(split.labels, probabilities, class_names=split.class_names)
        evaluations[name] = evaluation
        worst = np.array([m.index for m in evaluation.mistakes[:GALLERY]], dtype=np.int64)
        arrays[f"{name}_labels"] = split.labels
        arrays[f"{name}_probabilities"] = probabilities
        arrays[f"{name}_mistake_indices"] = worst
        arrays[f"{name}_mistake_images"] = split.images[worst]
    with atomic_path(folder / "predictions.npz") as temporary:
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]
    content = {name: e.to_dict() if e else None for name, e in evaluations.items()}
    write_text(folder / "evaluation.json", json.dumps(content, allow_nan=False) + "\n")
    scores = {name: _scores(e) if e else None for name, e in evaluations.items()}
    _finish_stage(folder, "evaluate", started, **scores)


def report_in(folder: RunFolder) -> Path:
    """Write the figures and report.html of a run from its own files."""
    from digitlab.report import write_report

    started = time.perf_counter()
    path = write_report(folder.path)
    _finish_stage(folder, "report", started)
    return path


def clear_run(folder: RunFolder) -> None:
    """Remove what digitlab wrote into a run folder, and nothing else."""
    for name in _RUN_FILES:
        (folder / name).unlink(missing_ok=True)
    for name in _RUN_FOLDERS:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)


def summarise(folder: RunFolder) -> dict[str, Any]:
    """What ``digitlab train --json`` prints, from run.json alone."""
    record = folder.read_record()
    stages = record["stages"].values()
    return {
        "run": str(folder.path),
        "dataset": {key: record["dataset"][key] for key in ("name", "fingerprint", "note")},
        "epochs": record["epochs"],
        "best_epoch": record["best_epoch"],
        "duration_s": round(sum(stage.get("duration_s", 0.0) for stage in stages), 3),
        "parameters": record["parameters"],
        "validation": record["validation"],
        "test": record["test"],
        "report": str(folder / "report.html"),
    }


def load_for_evaluation(target: Path) -> tuple[Any, dict[str, Any] | None]:
    """A classifier from a run folder, a ``.keras`` or an ``.onnx`` file, and the run's record if there is one.

    TensorFlow is not imported for an ``.onnx`` file.

    Raises:
        ModelError: Nothing of the kind is there.
        RunError: The folder is no run, or its training has not finished.
    """
    file, record = find_model(target)
    if file.suffix.lower() == ".onnx":
        from digitlab.classifier import load_classifier

        return load_classifier(file), None
    from digitlab.model import load_keras_classifier

    return load_keras_classifier(file), record


def export_run(target: Path, out: Path | None = None) -> Path:
    """Write the network of a run folder or a ``.keras`` file as a verified ONNX file; see `export_onnx`.

    Args:
        target: The run folder or file.
        out: The file to write. By default ``model.onnx`` in the run folder, or beside the file under its name.

    Raises:
        ModelError: There is no network, or it cannot be exported.
        RunError: The folder is no run, its training has not finished, or it is in use.
        UsageError: `out` does not end in ``.onnx``.
    """
    file, record = find_model(target)  # said at once, and not after the seconds that TensorFlow takes to start
    from digitlab.export import export_onnx

    if out is not None or record is None:
        return export_onnx(target, out or file.with_suffix(".onnx"))
    folder = RunFolder(target)
    with folder.lock():
        return export_onnx(target, folder / "model.onnx")


def _refuse_foreign_folder(folder: RunFolder) -> None:
    path = folder.path
    if path.is_dir() and not folder.exists():
        foreign = sorted(p.name for p in path.iterdir() if not p.name.startswith("."))
        if foreign:
            raise RunError(
                f"{path} exists and is no run folder: {', '.join(foreign[:3])} lies in it",
                hint="choose a new or empty folder with --out",
            )


def _refuse_other_data(folder: RunFolder, dataset: Dataset) -> None:
    """The training part is compared where training begins; this is for the test part."""
    recorded = folder.read_record()["dataset"]
    same_training = recorded["train_fingerprint"] == dataset.train.fingerprint
    if same_training and recorded["fingerprint"] != dataset.fingerprint:
        raise RunError(
            f"{folder.path} holds an unfinished run with another test split",
            hint="name the data it was begun with, add --overwrite, or choose another --out",
        )


def _close_interrupted(folder: RunFolder) -> None:
    """Leave a folder that says what it is, with a report of the epochs so far."""
    if not folder.exists():
        return
    folder.update_record(status="interrupted")
    if folder.read_history():
        from digitlab.report import write_report

        write_report(folder.path)


def _finish_stage(folder: RunFolder, stage: str, started: float, **changes: Any) -> None:
    stages = folder.read_record()["stages"]
    done = {"status": "finished", "duration_s": round(time.perf_counter() - started, 3)}
    folder.update_record(stages={**stages, stage: done}, **changes)


def _scores(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "accuracy": evaluation.accuracy,
        "loss": evaluation.loss,
        "n": evaluation.n,
        "accuracy_interval": list(evaluation.accuracy_interval),
    }
