"""`export_onnx`: a trained network as an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digitlab.data.class_names import fault_in_names
from digitlab.data.split import MAX_CLASSES
from digitlab.errors import ModelError, UsageError
from digitlab.export.graph import SUFFIX, onnx_bytes
from digitlab.export.layers import read_members
from digitlab.export.verify import HALF_TOLERANCE, TOLERANCE, verify
from digitlab.model.backend import keras
from digitlab.model.keras_classifier import KerasClassifier, load_keras_classifier
from digitlab.runs import RunFolder, atomic_path, find_model
from digitlab.runs.layout import ONNX
from digitlab.runs.user_path import user_path


def export_onnx(run: Any, path: str | Path, *, class_names: Sequence[str] | None = None, half: bool = False) -> Path:
    """Write a network as an ONNX file, compare it with Keras, and let it appear only if they agree.

    The file takes `images`, uint8 [n, 28, 28], and gives `probabilities`, float32 [n, k], for any n.
    Scaling and batch normalisation are folded into the weights, dropout is left out. The names of the
    classes are in its metadata. The same weights and names give the same bytes.

    Args:
        run: What `digitlab.train` gave, a run folder, a ``.keras`` file, or a Keras network: a
            Sequential, or a Functional that averages Sequential networks over one input.
        path: The file to write; its name ends in ``.onnx``.
        class_names: The k names, in the order of the labels. By default the run's own, and
            ``"0"``, ``"1"``, … where there is no run.
        half: Keep the weights as float16: half the size, and probabilities up to a hundredth off.

    Returns:
        `path`.

    Raises:
        ModelError: There is no network, a layer cannot be exported, or a probability differs by more
            than 1e-5 (1e-2 with `half`) from Keras' on batches of 1, 2, 7 and 1,000 images, or than float32
            rounds where the scores before softmax reach 300.
        RunError: The run folder is incomplete, or the file cannot be written.
        UsageError: `path` does not end in ``.onnx``.

    Example:
        >>> digitlab.export_onnx(run, "digits.onnx")  # doctest: +SKIP
    """
    path = user_path(path)
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"{path}: expected a file name that ends in {SUFFIX}", hint=f"name it {path.stem}{SUFFIX}")
    model, own_names = _network(run)
    names = _checked_names(class_names if class_names is not None else own_names, KerasClassifier(model).num_classes)
    members = read_members(model)
    content = onnx_bytes(members, names, half=half)
    with atomic_path(path, clean_up=True) as temporary:
        temporary.write_bytes(content)
        verify(temporary, model, members, HALF_TOLERANCE if half else TOLERANCE)
    if path.name == ONNX:
        RunFolder(path.parent).update_file(ONNX)
    return path


def _network(run: Any) -> tuple[Any, Sequence[str] | None]:
    """The Keras network of whatever was given, and the names of its classes where they are known."""
    if isinstance(run, (str, os.PathLike)):
        file, record = find_model(user_path(run))
        return load_keras_classifier(file).model, _recorded_names(record)
    if isinstance(run, keras.Model):
        return run, None
    model = getattr(run, "model", None)
    if not isinstance(model, keras.Model):
        raise ModelError(
            f"expected a run, a run folder, a .keras file or a Keras network, got {type(run).__name__}",
            hint="pass what digitlab.train gave, or the path of a run folder",
        )
    if (validation := getattr(run, "validation", None)) is not None:
        return model, validation.class_names
    folder = getattr(run, "path", None)
    return model, None if folder is None else _recorded_names(RunFolder(folder).read_record())


def _recorded_names(record: dict[str, Any] | None) -> Any:
    return None if record is None else record["dataset"].get("class_names")


def _checked_names(names: Any, count: int) -> list[str]:
    if not 2 <= count <= MAX_CLASSES:
        raise ModelError(
            f"expected a network of 2 to {MAX_CLASSES} classes, got {count}",
            hint="its last layer must have a unit a class, and softmax",
        )
    if names is None:
        return [str(label) for label in range(count)]
    named = isinstance(names, Sequence) and not isinstance(names, str) and all(isinstance(name, str) for name in names)
    if not named or len(names) != count:
        raise ModelError(
            f"expected {count} class names, one a unit of the last layer, got {names!r}"[:200],
            hint="pass class_names=[...], in the order of the labels",
        )
    if fault := fault_in_names(names):
        raise ModelError(
            f"expected class names of printable characters, got {fault}",
            hint="pass class_names=[...], in the order of the labels",
        )
    return list(names)
