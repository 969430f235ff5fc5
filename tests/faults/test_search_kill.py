"""Killed at any moment, a search goes on and comes to the trials, scores and winner that it would have had.

Twenty moments, as before a release: ``DIGITLAB_KILLS=20 make test ARGS=tests/faults/test_search_kill.py``.
"""

import csv
import json
import os
import random
import signal
import time

import h5py
import pytest

import forked

KILLS = int(os.environ.get("DIGITLAB_KILLS", "1"))
SEED = int(os.environ.get("DIGITLAB_KILLS_SEED", "0"))

# `tune` as anyone calls it. At the end it tells the choice, and when the search itself began.
DRIVER = """
import json, sys, time
import numpy as np
from digitlab.config import TrainConfig
from digitlab.data import Split
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.space import SearchSpace
from digitlab.study.search import tune

rng = np.random.default_rng(0)
labels = np.arange(400, dtype=np.uint8) % 4
images = rng.integers(0, 200, (400, 28, 28), dtype=np.uint8)
for image, label in zip(images, labels):
    row, column = divmod(int(label), 2)
    image[14 * row : 14 * row + 14, 14 * column : 14 * column + 14] += 20
split = Split(images, labels, "quarters", ("a", "b", "c", "d"))
space = SearchSpace(hidden_layers=(1,), units=(4,), learning_rate=(0.01, 0.003, 0.001, 0.0003), dropout=(0.2,))
config = SearchConfig(
    max_epochs=4, factor=2, finalists=2, finalist_seeds=2, base=TrainConfig(batch_size=4, epochs=3)
)
result = tune(split, space, config, out=sys.argv[1], lanes=2)
finalists = [(f.to_dict(), f.losses, f.epochs) for f in result.finalists]
print(json.dumps({"choice": result.choice.to_dict(), "finalists": finalists, "epochs": result.epochs}))
"""


def start(out):
    return forked.start(DRIVER, str(out))


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)


def trials(out):
    with (out / "trials.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "duration_s"} for row in csv.DictReader(file)]


def weights(out):
    """Which weights are there, and what is in them."""
    found = {}
    for path in sorted(out.rglob("*.weights.h5")):
        with h5py.File(path) as file:
            names = []
            file.visit(names.append)
            arrays = {name: file[name][()].tobytes() for name in names if isinstance(file[name], h5py.Dataset)}
        found[str(path.relative_to(out))] = arrays
    assert found
    return found


def facts(out, told):
    return told, trials(out), weights(out)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A whole search: its facts, and the seconds from its first file to its end."""
    out = tmp_path_factory.mktemp("whole") / "run"
    process = start(out)
    wait_for_the_first_file(out, process)
    began = time.perf_counter()
    told = finish(process)
    return facts(out, told), time.perf_counter() - began


def wait_for_the_first_file(out, process):
    deadline = time.monotonic() + 120
    while not (out / "search" / "search.json").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_at_random_moments_a_search_ends_as_if_nothing_had_happened(uninterrupted, tmp_path):
    expected, duration_s = uninterrupted
    out = tmp_path / "run"
    moments = random.Random(SEED)
    killed = 0
    while killed < KILLS:
        process = start(out)
        wait_for_the_first_file(out, process)
        # From before the lanes are up to the last finalist. A resumed search imports first, and is shorter.
        time.sleep(moments.uniform(0.0, 1.0) * duration_s)
        process.send_signal(signal.SIGKILL)
        told, _ = process.communicate()
        killed += 1
        if process.returncode != -signal.SIGKILL:  # it was quicker than the signal: begin another
            assert facts(out, json.loads(told)) == expected
            out = tmp_path / f"run-{killed}"
    assert facts(out, finish(start(out))) == expected
    left = [path.name for path in out.rglob("*") if path.name.startswith(".") or path.suffix == ".npz"]
    assert sorted(left) == [".lock", ".lock"], "something half-written or no longer needed was left behind"
