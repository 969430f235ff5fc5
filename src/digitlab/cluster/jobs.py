"""`do_on_ray`: training jobs as tasks of Ray, which does those of a lost machine again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import ray

from digitlab.lanes.lanes import Ended
from digitlab.training.job import TrainData, TrainJob

# So often a job is begun again whose worker is gone.
MOST_RETRIES = 3


def do_on_ray(jobs: Sequence[TrainJob], data: Any) -> Iterator[Ended]:
    """Do them all, each on one core of the cluster, and tell of each as it ends.

    Args:
        jobs: What to train. The files that they name must be seen by all machines.
        data: Ray's reference to the `TrainData`.

    Raises:
        RunError: A machine or a file of the search failed.
    """
    task = ray.remote(num_cpus=1, max_retries=MOST_RETRIES)(_train)
    waiting = {task.remote(job, data): job for job in jobs}
    while waiting:
        (ended, *_), _ = ray.wait(list(waiting), num_returns=1)
        yield _told(waiting.pop(ended), ended)


def _told(job: TrainJob, reference: Any) -> Ended:
    try:
        kind, content = ray.get(reference)
    except ray.exceptions.RayError as error:
        kind, content = "failed", str(error).strip().splitlines()[0]
    if kind == "stopped":
        raise content
    return Ended(job, tuple(content), None) if kind == "done" else Ended(job, (), content)


_programs: Any = None  # of this worker process, for all jobs that it is given


def _train(job: TrainJob, data: TrainData) -> tuple[str, Any]:
    from digitlab.lanes.lane import do_job, prepare_process
    from digitlab.training.programs import Programs

    global _programs
    if _programs is None:
        prepare_process()
        _programs = Programs()
    return do_job(job, data, _programs)
