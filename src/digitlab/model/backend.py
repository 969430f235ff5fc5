"""Keras, imported without TensorFlow's start-up lines and with products in full precision.

Every module that needs Keras takes it from here: ``from digitlab.model.backend import keras``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator

from digitlab.errors import ModelError
from digitlab.runs import keras_backend


@contextlib.contextmanager
def _silenced_stderr() -> Iterator[None]:
    """Keep what native code writes to file descriptor 2; show it only if the import fails.

    Some of TensorFlow's lines are written before any log level is looked at, so that no environment
    variable silences them.
    """
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (AttributeError, OSError, ValueError):  # no standard error at all, as under pythonw
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(saved, kept.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


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
    with _silenced_stderr():
        import keras
except ModuleNotFoundError as error:
    raise ModelError(
        f"training and Keras models need the package {error.name}, which is not installed",
        hint=_how_to_get(keras_backend()),
    ) from error

if keras.backend.backend() != "tensorflow" and "tensorflow" not in sys.modules:
    _leave_tensorflow_alone()

__all__ = ["keras"]
