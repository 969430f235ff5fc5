"""Lanes do jobs in processes of their own, lose nothing but the job of one that dies, and end with their parent."""

import errno
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
from digitlab.errors import MachineError, RunError, UsageError
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


def meet_a_full_disk():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def meet_a_full_memory():
    msg = "no 3 GiB left"
    raise MemoryError(msg)


def find_a_damaged_file():
    msg = "state.npz: expected a checkpoint"
    raise RunError(msg, hint="remove it")


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


def test_a_job_that_ends_its_process_twice_fails_and_the_others_are_done(two, expected):
    before = pids(two)
    ended, told = run(two, [job("leaves", leave), *(job(f"job {seed}", seed=seed) for seed in range(4))])
    assert ended.pop("leaves").error == "its process ended with exit code 3, twice"
    assert told["leaves"] == 0
    assert {name: untimed(event) for name, event in ended.items()} == {name: expected[name] for name in ended}
    assert len(pids(two) - before) >= 1


@pytest.mark.parametrize(
    ("fate", "error", "words"),
    [
        (die, MachineError, "training dies: its process was killed by SIGKILL, and again when it was tried alone"),
        (meet_a_full_disk, MachineError, "training dies: No space left on device"),
        (meet_a_full_memory, MachineError, "training dies: not enough memory (no 3 GiB left)"),
        (find_a_damaged_file, RunError, "state.npz: expected a checkpoint"),
    ],
)
def test_what_is_the_machines_or_a_files_fault_is_raised_and_is_no_end_of_a_job(two, fate, error, words):
    with pytest.raises(error) as caught:
        run(two, [job("dies", fate)])
    assert words in caught.value.message
    assert len(str(caught.value).splitlines()) == 2
    assert (two.idle, two.busy) == ([0, 1], 0)


def test_a_job_whose_process_is_killed_is_tried_again_alone_and_tells_each_epoch_once(expected):
    long = job("long", last_epoch=400)
    with Lanes(DATA, 2) as lanes:
        victim = pids_of(lanes)[0]
        lanes.give(0, long)
        lanes.give(1, job("other", last_epoch=200))
        epochs, ended = {"long": [], "other": []}, []
        while len(ended) < 2:
            for event in lanes.events():
                if isinstance(event, Ended):
                    ended.append(event)
                    assert event.error is None
                else:
                    epochs[event.job.name].append(event.row["epoch"])
            if len(epochs["long"]) >= 5 and victim is not None:
                os.kill(victim, signal.SIGKILL)
                victim = None
            if victim is None and len(ended) < 2:
                assert lanes.idle == []
                assert lanes.busy == 2 - len(ended)
        assert [event.job.name for event in ended] == ["other", "long"]
        assert epochs == {"long": list(range(1, 401)), "other": list(range(1, 201))}
        assert (lanes.idle, lanes.busy) == ([0, 1], 0)
        again, _ = run(lanes, [long])
        assert untimed(again["long"]) == untimed(ended[1])


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


class Poison:
    """What ends a process that unpickles it."""

    def __reduce__(self):
        return os._exit, (5,)


def test_a_process_that_ends_before_it_begins_with_a_job_is_no_end_of_the_job():
    with Lanes(TrainData(Poison(), LABELS, None), 2) as lanes, pytest.raises(MachineError) as caught:
        run(lanes, [job("waits")])
    words = "starting a process to train in: it ended with exit code 5 before it began with waits, and so did another"
    assert caught.value.message == words


class Unstartable(lanes_module._Lane):
    """A lane whose server dies while it is started, the first `deaths` times."""

    deaths = 0

    def __init__(self, *arguments):
        if Unstartable.deaths:
            Unstartable.deaths -= 1
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        super().__init__(*arguments)


def test_a_server_that_dies_is_started_again_once(monkeypatch, expected):
    monkeypatch.setattr(lanes_module, "_Lane", Unstartable)
    monkeypatch.setattr(Unstartable, "deaths", 1)
    with Lanes(DATA, 2) as lanes:
        ended, _ = run(lanes, [job("job 0")])
    assert untimed(ended["job 0"]) == expected["job 0"]
    monkeypatch.setattr(Unstartable, "deaths", 2)
    with pytest.raises(MachineError, match="the server that it is forked from was ended, twice"):
        Lanes(DATA, 2)


# TensorFlow does not fit into so little memory; this process does not import it.
LITTLE_MEMORY = """
import resource
import numpy as np
from digitlab.lanes.lanes import Lanes
from digitlab.training.job import TrainData, TrainJob
resource.setrlimit(resource.RLIMIT_AS, ({mib} * 2**20, {mib} * 2**20))
one = TrainJob(name="one", build=dict, batch_size=20, shape="one", seed=0, last_epoch=2)
with Lanes(TrainData(np.zeros((4, 28, 28), "uint8"), np.zeros((4, 4), "float32"), None), 2) as lanes:
    try:
        print(*lanes.do([one]))
    except Exception as error:
        print(type(error).__name__, error.message)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold processes to a limit of memory")
@pytest.mark.parametrize(
    ("mib", "words"),
    [
        (400, "MachineError starting a process to train in: not enough memory ("),
        (1200, ""),  # what fails first, and how, depends on libraries
    ],
)
def test_lanes_without_the_memory_to_import_tensorflow_say_so_and_no_job_has_ended(mib, words):
    script = LITTLE_MEMORY.format(mib=mib)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.startswith(words or ("MachineError ", "RunError ")), done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


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
