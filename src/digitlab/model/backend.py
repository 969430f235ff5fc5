"""Keras, imported without TensorFlow's start-up lines.

Every module that needs Keras takes it from here: ``from digitlab.model.backend import keras``.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from digitlab.errors import ModelError


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


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    with _silenced_stderr():
        import keras
except ModuleNotFoundError as error:
    raise ModelError(
        f"training and Keras models need the package {error.name}, which is not installed",
        hint='pip install "digitlab[train]"',
    ) from error

__all__ = ["keras"]
