"""Where lanes come from: a server that has imported TensorFlow once and forks a lane whenever one is wanted."""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing import forkserver
from typing import Any


def lane_context() -> Any:
    """The `multiprocessing` context that lanes are started in; Windows, which cannot fork, spawns them."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["digitlab.lanes.lane"])
    return context


def prepare_lanes() -> None:
    """Let the server begin to import TensorFlow, and give back at once.

    Worth calling as early as possible: this process can meanwhile import and read on its own. Nothing
    heavy is imported here.
    """
    if sys.platform != "win32":
        lane_context()
        forkserver.ensure_running()
