"""Where lanes come from: a server that has imported TensorFlow once and forks a lane whenever one is wanted."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
from collections.abc import Iterator
from multiprocessing import forkserver, resource_tracker
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
    context.set_forkserver_preload(["digitlab.lanes.preload"])
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
        with deaf_to_ctrl_c():
            forkserver.ensure_running()


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Have processes that are started in the block not heed Ctrl-C, from their first moment on.

    At a terminal it reaches every process of the group; whoever gives the jobs decides what it means. A blocked signal
    is inherited, and this process loses none: it is delivered when the block ends.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Both the server's start and a lane's start this one first, and its start unblocks Ctrl-C again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _refuse_all_but_tensorflow() -> None:
    # JAX is not made to be forked, and several processes would fight over the one accelerator that it is chosen for.
    if (backend := keras_backend()) != "tensorflow":
        raise UsageError(
            f"networks are trained side by side on Keras' TensorFlow backend alone, got {backend}",
            hint="set KERAS_BACKEND=tensorflow; only `digitlab train` works on jax too",
        )
