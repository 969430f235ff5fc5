"""Keras, imported without TensorFlow's start-up lines and with products in full precision.

Every module that needs Keras takes it from here: ``from digitlab.model.backend import keras``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys

from digitlab.errors import ModelError
from digitlab.runs import keras_backend
from digitlab.runs.quiet import silenced_stderr


def _leave_tensorflow_alone() -> None:
    """Keep Keras on another backend from importing it, some seconds, to learn that nothing it saves is TensorFlow's."""
    # A later Keras may keep this elsewhere, and then only takes as long as ever.
    with contextlib.suppress(ImportError):
        from keras.src.utils import module_utils

        module_utils.tensorflow._available = False


def _how_to_get(backend: str) -> str:
    if backend == "jax":
        return 'pip install "digitlab[jax]"'
    if importlib.util.find_spec("jax"):
        return 'set KERAS_BACKEND=jax, or pip install "digitlab[train]"'
    return 'pip install "digitlab[train]"'


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    # Some of TensorFlow's lines are written before any log level is looked at, so that no environment variable
    # silences them.
    with silenced_stderr():
        import keras
except ModuleNotFoundError as error:
    raise ModelError(
        f"training and Keras models need the package {error.name}, which is not installed",
        hint=_how_to_get(keras_backend()),
    ) from error

if keras.backend.backend() != "tensorflow" and "tensorflow" not in sys.modules:
    _leave_tensorflow_alone()

__all__ = ["keras"]
