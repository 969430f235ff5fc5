"""A search on Ray ends as it would have ended, whatever machine or driver is lost on its way."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

import forked
from digitlab.cluster.plan import plan_on_ray
from digitlab.cluster.search import draw_networks
from digitlab.config import TrainConfig
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.space import SearchSpace

pytest.importorskip("ray", reason="Ray is not installed (pip install 'digitlab[ray]')")
pytestmark = pytest.mark.slow

# `tune` as anyone calls it.
DRIVER = """
import json, sys
import numpy as np
from digitlab.config import TrainConfig
from digitlab.data import Split
from digitlab.study.search import tune
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.space import SearchSpace

rng = np.random.default_rng(0)
labels = np.arange(400, dtype=np.uint8) % 4
images = rng.integers(0, 200, (400, 28, 28), dtype=np.uint8)
for image, label in zip(images, labels):
    row, column = divmod(int(label), 2)
    image[14 * row : 14 * row + 14, 14 * column : 14 * column + 14] += 20
split = Split(images, labels, "quarters", ("a", "b", "c", "d"))
space = SearchSpace(hidden_layers=(1,), units=(4,), learning_rate=(0.01, 0.003, 0.001, 0.0003), dropout=(0.0, 0.2))
config = SearchConfig(
    max_epochs=4, factor=2, finalists=2, finalist_seeds=1, base=TrainConfig(batch_size=4, epochs=2),
    engine="ray", scheduler=sys.argv[2],
)
result = tune(split, space, config, out=sys.argv[1], address=sys.argv[3] if len(sys.argv) > 3 else None, lanes=2)
print(json.dumps({
    "choice": result.choice.to_dict(),
    "plan": [(r.bracket, r.number, r.trials, r.last_epoch) for r in result.plan.rungs],
    "finalists": [(f.to_dict(), f.losses, f.epochs) for f in result.finalists],
}))
"""
# Two of Ray's nodes on this machine, a core each, until standard input is closed; the second is killed when told to.
NODES = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100 * 2**20})
second = cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
raylet = second.all_processes["raylet"][0].process.pid
print(cluster.address, raylet, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def cluster():
    """Its address, and the process id of the second node's raylet."""
    process = subprocess.Popen(
        [sys.executable, "-c", NODES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
    )  # fmt: skip
    address, raylet = process.stdout.readline().split()
    yield address, int(raylet)
    process.communicate(timeout=60)


def start(out, scheduler="hyperband", *address):
    return forked.start(DRIVER, str(out), scheduler, *address)


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def wait_for(out, count, process):
    """Until so many trials have ended."""
    deadline = time.monotonic() + 200
    while len(list(out.glob("search/trial_*/trial.json"))) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def trials(out):
    with (out / "trials.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "duration_s"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A whole search on one machine, where Ray is started by it: its folder, and what it told."""
    out = tmp_path_factory.mktemp("ray") / "run"
    return out, finish(start(out))


def test_its_trials_are_those_of_the_plan_and_all_have_a_score(uninterrupted):
    out, told = uninterrupted
    found = trials(out)
    # ln 4 / ln 2 is 2, so three brackets: 3 networks for 4 epochs; 3 for 2 and 2 for 4; 4 for 1, 2 for 2 and 1 for 4
    assert told["plan"] == [[0, 0, 3, 4], [1, 0, 3, 2], [1, 1, 2, 4], [2, 0, 4, 1], [2, 1, 2, 2], [2, 2, 1, 4]]
    assert [row["status"] for row in found] == ["completed"] * 15
    promoted = {row["index"] for row in found if (row["bracket"], row["rung"]) == ("2", "1")}
    best = sorted((r for r in found if (r["bracket"], r["rung"]) == ("2", "0")), key=lambda r: -float(r["score"]))
    worst_promoted = min(float(r["score"]) for r in best if r["index"] in promoted)
    assert worst_promoted >= max(float(r["score"]) for r in best if r["index"] not in promoted)
    assert not list(out.rglob("state.npz"))


def test_a_lost_machine_and_a_killed_driver_change_nothing(uninterrupted, cluster, tmp_path):
    address, raylet = cluster
    out = tmp_path / "run"
    process = start(out, "hyperband", address)
    wait_for(out, 5, process)
    os.kill(raylet, signal.SIGKILL)
    wait_for(out, 9, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = {path: path.read_bytes() for path in out.glob("search/trial_*/trial.json")}
    assert len(left) < 15
    told = finish(start(out, "hyperband", address))
    assert all(path.read_bytes() == content for path, content in left.items())
    assert (trials(out), told) == (trials(uninterrupted[0]), uninterrupted[1])


def test_asha_gives_every_network_its_first_rung_and_no_more_of_them_a_later_one(cluster, tmp_path):
    told = finish(start(tmp_path / "run", "asha", cluster[0]))
    counts = [trials for _, _, trials, _ in told["plan"]]
    assert counts[0] == 3 + 3 + 4
    assert counts == sorted(counts, reverse=True)
    assert [last for *_, last in told["plan"]] == [1, 2, 4]


def test_where_no_ray_answers_it_says_so_and_how_to_start_one(tmp_path):
    _, err = (process := start(tmp_path / "run", "hyperband", "127.0.0.1:1")).communicate(timeout=120)
    assert process.returncode == 1
    assert "expected a Ray cluster at 127.0.0.1:1" in err
    assert "ray start --head" in err


def test_a_space_that_holds_too_few_gives_the_same_networks_again():
    space = SearchSpace(hidden_layers=(1,), units=(4,), learning_rate=(0.01, 0.001))
    config = SearchConfig(max_epochs=4, factor=2, base=TrainConfig(), engine="ray")
    networks = draw_networks(plan_on_ray(config), space, config)
    assert len(networks) == 3 + 3 + 4
    assert {network.learning_rate for network in networks.values()} == {0.01, 0.001}
