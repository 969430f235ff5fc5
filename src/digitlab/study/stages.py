"""The stages of a run: each reads and writes the run folder, and says in run.json that it has ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.data import Split
from digitlab.evaluation import Evaluation, count_trained_on, evaluate_probabilities, predict_probabilities
from digitlab.runs import RunFolder, atomic_path, find_model, write_text
from digitlab.runs.checks import reading
from digitlab.runs.checksums import file_states
from digitlab.runs.layout import EVALUATION, ONNX, PREDICTIONS
from digitlab.runs.record_checks import check_results

GALLERY = 48


def stage_finished(folder: RunFolder, stage: str) -> bool:
    """Whether run.json says that a stage has ended."""
    if not folder.exists():
        return False
    return bool(folder.read_record()["stages"].get(stage, {}).get("status") == "finished")


def evaluate_in(folder: RunFolder, validation: Split | None, test: Split) -> None:
    """Score a run's network on its validation and its test split, and record that the test was opened."""
    from digitlab.model.keras_classifier import load_keras_classifier

    started = time.perf_counter()
    classifier = load_keras_classifier(find_model(folder.path)[0])
    opened = folder.read_record().get("test_opened") or datetime.now(UTC).isoformat(timespec="seconds")
    folder.update_record(test_opened=opened)
    evaluations: dict[str, Evaluation | None] = {"validation": None}
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, split in (("validation", validation), ("test", test)):
        if split is None:
            continue
        probabilities = predict_probabilities(classifier, split)
        evaluation = evaluate_probabilities(
            split.labels,
            probabilities,
            class_names=split.class_names,
            trained_on=count_trained_on(classifier, split),
        )
        evaluations[name] = evaluation
        worst = np.array([m.index for m in evaluation.mistakes[:GALLERY]], dtype=np.int64)
        arrays[f"{name}_labels"] = split.labels
        arrays[f"{name}_probabilities"] = probabilities
        arrays[f"{name}_mistake_indices"] = worst
        arrays[f"{name}_mistake_images"] = split.read(worst)
    with atomic_path(folder / PREDICTIONS) as temporary:
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]
    content = {name: e.to_dict() if e else None for name, e in evaluations.items()}
    write_text(folder / EVALUATION, json.dumps(content, allow_nan=False) + "\n")
    scores = {name: scores_of(e) if e else None for name, e in evaluations.items()}
    finish_stage(folder, "evaluate", started, files=(EVALUATION, PREDICTIONS), **scores)


def export_in(folder: RunFolder) -> Path:
    """Write a run's network as model.onnx."""
    from digitlab.export import export_onnx

    started = time.perf_counter()
    path = export_onnx(folder.path, folder / ONNX)
    finish_stage(folder, "export", started, files=(ONNX,))
    return path


def report_in(folder: RunFolder) -> Path:
    """Write the figures and report.html of a run from its own files."""
    from digitlab.report import write_report

    started = time.perf_counter()
    path = write_report(folder.path)
    finish_stage(folder, "report", started)
    return path


def summarise(folder: RunFolder) -> dict[str, Any]:
    """What ``digitlab train --json`` prints, from run.json alone.

    ``duration_s`` and ``stages_duration_s`` are both the seconds of all stages, those of earlier commands included. The
    command line puts its own duration in place of the first.
    """
    record = folder.read_record()
    with reading(folder.record_path, "the file is damaged; train again with --overwrite"):
        check_results(record, ("train", "evaluate"))
    duration_s = stages_duration(record)
    return {
        "run": str(folder.path),
        "dataset": {key: record["dataset"][key] for key in ("name", "fingerprint", "note")},
        "epochs": record["epochs"],
        "best_epoch": record["best_epoch"],
        "duration_s": duration_s,
        "stages_duration_s": duration_s,
        "parameters": record["parameters"],
        "validation": record["validation"],
        "test": record["test"],
        "report": str(folder / "report.html"),
    }


def stages_duration(record: dict[str, Any]) -> float:
    """Seconds of all stages of a run, over all the commands that it took."""
    return round(sum(float(stage.get("duration_s", 0.0)) for stage in record["stages"].values()), 3)


def finish_stage(folder: RunFolder, stage: str, started: float, *, files: Iterable[str] = (), **changes: Any) -> None:
    """State in run.json that a stage has ended, and what files it has left.

    Args:
        folder: The run's.
        stage: The stage's name.
        started: The performance counter when the stage began, in seconds.
        files: The names of the files whose size and SHA-256 are kept. One that is not there is left out. Defaults to
            none.
        **changes: Top-level keys of run.json to change in the same step.
    """
    stages = folder.read_record()["stages"]
    done: dict[str, Any] = {"status": "finished", "duration_s": round(time.perf_counter() - started, 3)}
    if states := file_states(folder.path, files):
        done["files"] = states
    folder.update_record(stages={**stages, stage: done}, **changes)


def scores_of(evaluation: Evaluation) -> dict[str, Any]:
    """What run.json and ``--json`` say of an evaluation."""
    return {
        "accuracy": evaluation.accuracy,
        "loss": evaluation.loss,
        "n": evaluation.n,
        "accuracy_interval": list(evaluation.accuracy_interval),
        "trained_on": evaluation.trained_on,
    }
