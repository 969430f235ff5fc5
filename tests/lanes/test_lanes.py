"""Lanes do jobs in processes of their own, lose nothing but the job of one that dies, and end with their parent."""

import functools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from digitlab.config import TrainConfig
from digitlab.errors import UsageError
from digitlab.lanes import lanes as lanes_module
from digitlab.lanes.lanes import Ended, Lanes, Progressed
from digitlab.model.build import build_mlp
from digitlab.training.job import TrainData, TrainJob

pytestmark = pytest.mark.slow

LABELS = np.eye(4, dtype="float32")[np.arange(60) % 4]
IMAGES = np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8)
DATA = TrainData(IMAGES[:40], LABELS[:40], (IMAGES[40:], LABELS[40:]))


def job(name, build=None, seed=0, **changes):
    config = TrainConfig(hidden_units=(4,), seed=seed)
    return TrainJob(
        **{
            "name": name,
            "build": build or functools.partial(build_mlp, config, 4),
            "batch_size": 20,
            "shape": "one",
            "seed": seed,
            "last_epoch": 2,
            **changes,
        }
    )


def say_pid():
    raise RuntimeError(os.getpid())


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def leave():
    os._exit(3)


def run(lanes, jobs):
    """Every job's end by its name, and how many epochs each had told of."""
    ended, told = {}, dict.fromkeys((job.name for job in jobs), 0)
    for event in lanes.do(jobs):
        if isinstance(event, Progressed):
            told[event.job.name] += 1
        else:
            assert isinstance(event, Ended)
            ended[event.job.name] = event
    return ended, told


def untimed(event):
    return [{key: value for key, value in row.items() if key != "duration_s"} for row in event.rows]


@pytest.fixture(scope="module")
def two():
    with Lanes(DATA, 2) as lanes:
        yield lanes


@pytest.fixture(scope="module")
def expected(two):
    """The rows of ten jobs, done by two lanes."""
    jobs = [job(f"job {seed}", seed=seed) for seed in range(10)]
    ended, told = run(two, jobs)
    assert set(told.values()) == {2}
    return {name: untimed(event) for name, event in ended.items()}


def test_a_job_ends_with_a_row_an_epoch_and_lanes_are_idle_again(two, expected):
    assert set(expected) == {f"job {seed}" for seed in range(10)}
    for rows in expected.values():
        assert [row["epoch"] for row in rows] == [1, 2]
        assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"} <= set(rows[0])
    assert two.idle == [0, 1]
    assert two.busy == 0


def test_a_lane_knows_the_shapes_that_it_was_given(two, expected):
    assert any(two.knows(number, "one") for number in (0, 1))
    assert not any(two.knows(number, "other") for number in (0, 1))


def pids(lanes):
    ended, _ = run(lanes, [job(f"{n}", say_pid) for n in range(lanes.count)])
    return {int(event.error.removeprefix("RuntimeError: ")) for event in ended.values()}


def test_what_a_job_raises_is_its_error_and_the_lane_goes_on(two):
    before = pids(two)
    assert len(before) == 2
    assert os.getpid() not in before
    assert pids(two) == before


@pytest.mark.parametrize(
    ("fate", "said"),
    [(die, "its process was killed, most likely for want of memory"), (leave, "its process ended with exit code 3")],
)
def test_a_lane_that_dies_costs_its_job_and_is_replaced(two, expected, fate, said):
    before = pids(two)
    ended, told = run(two, [job("dies", fate), *(job(f"job {seed}", seed=seed) for seed in range(4))])
    assert ended.pop("dies").error == said
    assert told["dies"] == 0
    assert {name: untimed(event) for name, event in ended.items()} == {name: expected[name] for name in ended}
    assert len(pids(two) & before) == 1


def test_a_lane_that_is_killed_in_the_middle_of_a_job_costs_that_job():
    with Lanes(DATA, 2) as lanes:
        victim, other = pids_of(lanes)
        lanes.give(0, job("short"))
        lanes.give(1, job("other", last_epoch=1_000_000))
        ended = []
        while not ended:
            ended = [event for event in lanes.events() if isinstance(event, Ended)]
        lanes.give(0, job("long", last_epoch=1_000_000))
        while not any(isinstance(event, Progressed) and event.job.name == "long" for event in lanes.events()):
            pass
        os.kill(victim, signal.SIGKILL)
        ended = []
        while not ended:
            ended = [event for event in lanes.events() if isinstance(event, Ended)]
        assert [event.job.name for event in ended] == ["long"]
        assert "killed" in ended[0].error
        assert (lanes.idle, lanes.busy) == ([0], 1)
        assert other in pids_of(lanes)
        assert victim not in pids_of(lanes)


def pids_of(lanes):
    return [lane.process.pid for lane in lanes._lanes]


def test_a_lane_makes_place_for_a_fresh_one_after_so_many_jobs(monkeypatch, expected):
    monkeypatch.setattr(lanes_module, "JOBS_OF_A_LANE", 2)
    with Lanes(DATA, 1) as lanes:
        ended, _ = run(lanes, [job(f"{n}", say_pid) for n in range(5)])
        assert len({event.error for event in ended.values()}) == 3  # 2, 2 and 1


def test_one_lane_gives_what_two_give(expected):
    with Lanes(DATA, 1) as one:
        ended, _ = run(one, [job(f"job {seed}", seed=seed) for seed in range(3)])
    assert {name: untimed(event) for name, event in ended.items()} == {name: expected[name] for name in ended}


def test_no_lane_is_left_behind():
    with Lanes(DATA, 2) as lanes:
        processes = [psutil.Process(pid) for pid in pids_of(lanes)]
        assert all(process.is_running() for process in processes)
    assert not any(process.is_running() for process in processes)


def test_fewer_than_one_lane_is_refused():
    with pytest.raises(UsageError, match="at least one lane, got 0"):
        Lanes(DATA, 0)


# Without `if __name__ == "__main__":`, as in a notebook or a first script.
SCRIPT = """
import sys, time
sys.path.insert(0, {folder!r})
import test_lanes
from digitlab.lanes.lanes import Lanes
print("begun", flush=True)
lanes = Lanes(test_lanes.DATA, 2)
print(*test_lanes.pids(lanes), flush=True)
lanes.give(0, test_lanes.job("long", last_epoch=1_000_000))
while True:
    list(lanes.events())
    print("epoch", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows knows no SIGKILL")
def test_lanes_end_when_their_parent_is_killed_and_do_not_run_its_script_again(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(folder=os.path.dirname(__file__)))  # noqa: PTH120
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "begun\n"
        found = [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
        assert process.stdout.readline() == "epoch\n"
        assert len(found) == 2  # one idle, one in the middle of a job
        assert all(lane.is_running() for lane in found)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    deadline = time.monotonic() + 20
    while any(lane.is_running() and lane.status() != psutil.STATUS_ZOMBIE for lane in found):
        assert time.monotonic() < deadline, "a lane outlived its parent"
        time.sleep(0.1)
