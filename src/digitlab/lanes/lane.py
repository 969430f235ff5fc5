"""What one lane does: wait for a job, do it, say how it went; until the other end is gone."""

from __future__ import annotations

import gc
import logging
import os
import pickle
import traceback
from multiprocessing.connection import Connection
from typing import Any

from digitlab.errors import DigitlabError, RunError
from digitlab.model.backend import keras
from digitlab.runs import machine_failure
from digitlab.training import tensorflow_epoch as adapter  # the one backend that lanes are for
from digitlab.training.hdf5_errors import ignore_repeated_write_failures
from digitlab.training.job import TrainData, TrainJob
from digitlab.training.programs import Programs
from digitlab.training.run_job import Told, run_job


def run_lane(connection: Connection, data: TrainData) -> None:
    """Serve jobs until the connection is closed.

    Sends ``("begun", None)`` when it has received a job, ``("epoch", row)`` after each epoch and, at the end of the
    job, what `do_job` returns.
    """
    programs = Programs()
    try:
        while True:
            content = connection.recv_bytes()
            connection.send(("begun", None))
            job = pickle.loads(content)  # noqa: S301 - from the process that started this one
            connection.send(do_job(job, data, programs, lambda row: connection.send(("epoch", row))))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # Nobody is there any more. Not `sys.exit`, which would wait for TensorFlow's threads.
        os._exit(0)


def prepare_process() -> None:
    """Make this a process of one thread that trains many small networks."""
    adapter.use_threads(1)
    adapter.leave_graphs_as_traced()
    ignore_repeated_write_failures()
    # TensorFlow warns of a program for every shape of network, which is what is meant here.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    gc.freeze()  # what was imported stays: looking through all of TensorFlow for garbage takes half a second


def do_job(job: TrainJob, data: TrainData, programs: Programs, tell: Told = lambda row: None) -> tuple[str, Any]:
    """Do a job, whatever comes of it; see `run_job`.

    Returns:
        ``("done", rows)``; ``("failed", message)`` where the network or its training is at fault;
        ``("stopped", error)``, with a `RunError`, where the machine or the search's files are, so that nothing may be
        recorded of the network.
    """
    # What a user's own `build` draws from Keras' global generators is the trial's own, whichever lane it is in.
    keras.utils.set_random_seed(job.seed)
    try:
        return "done", run_job(job, data, programs, tell)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except RunError as error:
        return "stopped", error
    except DigitlabError as error:
        return "failed", error.message
    except Exception as error:  # noqa: BLE001 - whatever a trial does, it must not end the search
        if (failure := machine_failure(error, f"training {job.name}")) is not None:
            return "stopped", failure
        return "failed", "".join(traceback.format_exception_only(error)).strip()
