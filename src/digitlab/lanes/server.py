"""Where lanes come from: a server that has imported TensorFlow once and forks a lane whenever one is wanted."""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing import forkserver
from typing import Any

from digitlab.errors import UsageError
from digitlab.runs import keras_backend


def lane_context() -> Any:
    """The `multiprocessing` context that lanes are started in; Windows, which cannot fork, spawns them.

    Raises:
        UsageError: Keras is to use another backend than TensorFlow.
    """
    _refuse_all_but_tensorflow()
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["digitlab.lanes.lane"])
    return context


def prepare_lanes() -> None:
    """Let the server begin to import TensorFlow, and give back at once.

    Worth calling as early as possible: this process can meanwhile import and read on its own. Nothing
    heavy is imported here.

    Raises:
        UsageError: Keras is to use another backend than TensorFlow.
    """
    lane_context()
    if sys.platform != "win32":
        forkserver.ensure_running()


def _refuse_all_but_tensorflow() -> None:
    # JAX is not made to be forked, and several processes would fight over the one accelerator that it is chosen for.
    if (backend := keras_backend()) != "tensorflow":
        raise UsageError(
            f"networks are trained side by side on Keras' TensorFlow backend alone, got {backend}",
            hint="set KERAS_BACKEND=tensorflow; only `digitlab train` works on jax too",
        )
