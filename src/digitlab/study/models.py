"""Networks by the path of a run or a file: to score them, to export them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from digitlab.runs import RunFolder, find_model
from digitlab.runs.checks import fields, list_of, reading, text
from digitlab.runs.user_path import user_path


def load_for_evaluation(target: Path | None) -> tuple[Any, dict[str, Any] | None]:
    """A classifier from a run folder, a ``.keras`` or an ``.onnx`` file, and the run's record if there is one.

    `None` is the network that ships with digitlab. TensorFlow is imported for neither it nor an ``.onnx`` file.

    Raises:
        ModelError: Nothing of the kind is there.
        RunError: The folder is no run, or its training has not finished.
    """
    file, record = (None, None) if target is None else find_model(user_path(target))
    if file is None or file.suffix.lower() == ".onnx":
        from digitlab.classifier import load_classifier

        return load_classifier(file), None
    if record is not None and target is not None:
        with reading(RunFolder(target).record_path, "the file is damaged; restore it"):
            fields({"class_names": list_of(text())})(record["dataset"])
    from digitlab.model.keras_classifier import load_keras_classifier

    return load_keras_classifier(file), record


def export_run(target: Path, out: Path | None = None, *, half: bool = False) -> Path:
    """Write the network of a run folder or a ``.keras`` file as a verified ONNX file; see `export_onnx`.

    Args:
        target: The run folder or file.
        out: The file to write. By default ``model.onnx`` in the run folder, or beside the file under its name.
        half: Keep the weights as float16.

    Raises:
        ModelError: There is no network, or it cannot be exported.
        RunError: The folder is no run, its training has not finished, or it is in use.
        UsageError: `out` does not end in ``.onnx``.
    """
    held, to = _export_paths(target, out, ".onnx")
    from digitlab.export import export_onnx

    with held:
        return export_onnx(target, to, half=half)


def export_run_as_page(target: Path, out: Path | None = None) -> Path:
    """Write the network of a run folder, a ``.keras`` or an ``.onnx`` file as a page of its own; see `export_page`.

    Args:
        target: The run folder or file.
        out: The file to write. By default ``model.html`` in the run folder, or beside the file under its name.

    Raises:
        ModelError: There is no network, it cannot be exported, or it is too large for one page.
        RunError: The folder is no run, its training has not finished, or it is in use.
        UsageError: `out` does not end in ``.html``.
    """
    held, to = _export_paths(target, out, ".html")
    from digitlab.export import export_page

    with held:
        return export_page(target, to)


def _export_paths(target: Path, out: Path | None, suffix: str) -> tuple[AbstractContextManager[None], Path]:
    """What to hold while the file is written, and which file: that is said at once, before TensorFlow starts."""
    target = user_path(target)
    file, record = find_model(target)
    to = out or (target / f"model{suffix}" if record is not None else file.with_suffix(suffix))
    if record is None or to.parent.resolve() != target.resolve():
        return nullcontext(), to
    return RunFolder(target).lock(hint="wait for it to end, or choose a file elsewhere with --out"), to
