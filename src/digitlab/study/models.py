"""Networks by the path of a run or a file: to score them, to export them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from digitlab.runs import RunFolder, find_model


def load_for_evaluation(target: Path | None) -> tuple[Any, dict[str, Any] | None]:
    """A classifier from a run folder, a ``.keras`` or an ``.onnx`` file, and the run's record if there is one.

    `None` is the network that ships with digitlab. TensorFlow is imported for neither it nor an ``.onnx`` file.

    Raises:
        ModelError: Nothing of the kind is there.
        RunError: The folder is no run, or its training has not finished.
    """
    file, record = (None, None) if target is None else find_model(target)
    if file is None or file.suffix.lower() == ".onnx":
        from digitlab.classifier import load_classifier

        return load_classifier(file), None
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
    file, record = find_model(target)  # said at once, and not after the seconds that TensorFlow takes to start
    from digitlab.export import export_onnx

    if out is not None or record is None:
        return export_onnx(target, out or file.with_suffix(".onnx"), half=half)
    folder = RunFolder(target)
    with folder.lock():
        return export_onnx(target, folder / "model.onnx", half=half)
