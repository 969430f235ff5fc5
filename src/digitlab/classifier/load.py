"""`load_classifier`: a network from a run folder or an ONNX file, or the one that ships with digitlab."""

from __future__ import annotations

import os
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from digitlab.classifier.classifier import Classifier
from digitlab.errors import ModelError
from digitlab.runs.regular_file import open_regular
from digitlab.runs.user_path import user_path

if TYPE_CHECKING:
    from digitlab.data.fingerprints import Fingerprints

MODEL_FILE, READABLE_FILE = "model.onnx", "readable.onnx"
SHIPPED = "the shipped network"
# protobuf, and so ONNX, knows no larger message.
MOST_BYTES = 2**31 - 1


def load_classifier(path: str | Path | None = None, *, threads: int = 1) -> Classifier:
    """Open an exported network on ONNX Runtime. Needs neither Keras nor TensorFlow.

    Args:
        path: A run folder that `digitlab export` was called on (its ``model.onnx``), or an ONNX file
            that it wrote. `None` is the network that ships with digitlab, of the ten digits; what it knows and
            what it does not, its card says (``shipped/model_card.md`` in the package).
        threads: Threads that share the work on one chunk of images.

    Raises:
        ModelError: There is no such file, it is no ONNX file, it does not take images and give
            probabilities as digitlab's do, or it holds other operators or shapes than simple layers have.
        RunError: A run folder's network is not the one that its export left, or its run.json is damaged.
        UsageError: `threads` is below 1.

    Example:
        >>> classifier = load_classifier()  # or load_classifier("runs/first")
        >>> classifier.predict(np.zeros((1, 28, 28), np.uint8)).shape
        (1,)
    """
    content, name = read_network(path)
    read_fingerprints = partial(_training_fingerprints, None if path is None else Path(name))
    return Classifier(content, name=name, threads=threads, read_fingerprints=read_fingerprints)


def read_network(path: str | Path | None = None) -> tuple[bytes, str]:
    """The bytes of what `load_classifier` would open, and what to call it: to be opened again in other processes.

    Raises:
        ModelError: There is no such file.
        RunError: It is a run's, and not the file that the run's export left.
    """
    if path is None:
        return _read_shipped(shipped_file()), SHIPPED
    path = user_path(path)
    file = _find(path)
    content = _read(file)
    if file != path:
        _check_exported(path)
    return content, str(file)


def load_shipped(name: str, *, threads: int = 1) -> Classifier:
    """One of the networks inside the package, by the name of its file."""
    return Classifier(_read_shipped(shipped_file(name)), name=SHIPPED, threads=threads)


def shipped_file(name: str = MODEL_FILE) -> Traversable:
    """A file of the package's folder ``shipped``."""
    return resources.files("digitlab").joinpath("shipped", name)


def _training_fingerprints(file: Path | None) -> Fingerprints | None:
    """Of the images that a network was trained on, or those of the shipped one (`None`), where they are known."""
    # Imported here: whoever only reads digits never asks for them.
    from digitlab.data.fingerprints import FINGERPRINTS_FILE, read_beside, read_fingerprints

    return read_fingerprints(shipped_file(FINGERPRINTS_FILE)) if file is None else read_beside(file)


def _read_shipped(file: Traversable) -> bytes:
    if not file.is_file():
        raise ModelError(
            f"this copy of digitlab has no network in it: {file} is missing",
            hint="install it again, or run `make model` in a clone",
        )
    return file.read_bytes()


def _find(path: Path) -> Path:
    if path.is_dir():
        if not (path / MODEL_FILE).is_file():
            raise ModelError(
                f"{path}: expected a run folder with an exported network, found no {MODEL_FILE}",
                hint=f"digitlab export {path}",
            )
        return path / MODEL_FILE
    if not path.is_file():
        raise ModelError(
            f"{path}: expected a run folder or an ONNX file, found none",
            hint="`digitlab export RUN` writes an ONNX file of a trained network",
        )
    return path


def _check_exported(run: Path) -> None:
    from digitlab.runs.folder import RunFolder

    RunFolder(run).check_file(
        MODEL_FILE, hint=f"the file is damaged or was changed; write it again: digitlab export {run}"
    )


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read() if size <= MOST_BYTES else None
    except OSError as error:
        raise ModelError(
            f"cannot read {path}: {error.strerror or error}", hint="check the path and its rights"
        ) from error
    if content is None:
        raise ModelError(
            f"{path}: expected an ONNX file of at most {MOST_BYTES:,} bytes, got {size:,}",
            hint="no ONNX file in one piece is larger; is this another kind of file?",
        )
    return content
