"""The same answers by Ray Data, also when a worker dies, or the command does."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from digitlab.bulk import predict_files, read_files
from digitlab.cluster.bulk import OnRay
from digitlab.errors import DataError, RunError

pytest.importorskip("ray", reason='needs Ray: pip install "digitlab[ray]"')
pq = pytest.importorskip("pyarrow.parquet")

pytestmark = [
    pytest.mark.slow,
    # Ray leaves its sockets and log files to the end of the process.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def session():
    """Ray with two CPUs and a small object store."""
    from digitlab.cluster.start import ray_session

    with ray_session(cpus=2, object_store_bytes=100_000_000) as started:
        yield started


@pytest.fixture
def many(tmp_path):
    """6,000 images in two files."""
    images = np.random.default_rng(3).integers(0, 256, (3000, 28, 28), dtype=np.uint8)
    folder = tmp_path / "many"
    folder.mkdir()
    for name in ("a.npy", "b.npy"):
        np.save(folder / name, images)
    return folder


def answers(out):
    table = pq.read_table(out)
    return list(zip(*(table[name].to_pylist() for name in ("file", "index", "label")), strict=True))


def test_on_ray_the_predictions_are_those_of_this_process(session, many, tmp_path):
    told = []
    outcome = predict_files(many, tmp_path / "ray", part_rows=700, engine=OnRay(), progress=told.append)
    predict_files(many, tmp_path / "here", part_rows=700)
    assert (outcome.rows, outcome.parts) == (6000, 10)
    assert [one.parts_done for one in told] == list(range(11))
    assert answers(tmp_path / "ray") == answers(tmp_path / "here")


def test_a_worker_that_is_killed_costs_no_row(session, many, tmp_path):
    killed = []

    def kill_one(progress):
        if progress.parts_done == 5 and not killed:
            workers = [p for p in psutil.Process().children(recursive=True) if "_Worker" in " ".join(p.cmdline())]
            workers[0].kill()
            killed.append(workers[0].pid)

    outcome = predict_files(many, tmp_path / "out", part_rows=100, engine=OnRay(), progress=kill_one)
    assert len(killed) == 1
    assert outcome.parts == 60
    assert sorted(index for _, index, _ in answers(tmp_path / "out")) == sorted([*range(3000), *range(3000)])


def test_pictures_are_read_on_ray_as_here(session, tmp_path):
    from PIL import Image

    for number in range(4):
        Image.new("L", (60, 60), 255 - number).save(tmp_path / f"{number}.png")
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG")
    outcome = read_files(tmp_path, tmp_path / "out", part_pictures=2, engine=OnRay())
    read_files(tmp_path, tmp_path / "here", part_pictures=2)
    assert (outcome.rows, outcome.errors) == (5, 1)
    assert pq.read_table(tmp_path / "out").equals(pq.read_table(tmp_path / "here"))


def test_what_a_worker_meets_with_is_told_in_two_lines(session, many, tmp_path):
    def lose(job, parts):
        (many / "b.npy").unlink()
        yield from OnRay()(job, parts)

    with pytest.raises(DataError, match=r"b\.npy: expected a file, found none on") as caught:
        predict_files(many, tmp_path / "out", part_rows=1000, engine=lose)
    assert len(str(caught.value).splitlines()) == 2
    assert "shared file system" in caught.value.hint


def test_workers_import_nothing_that_networks_are_trained_with(session, tmp_path):
    asked = """
import sys
import digitlab.cluster.bulk, digitlab.bulk.read, digitlab.reading
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "jax", "sklearn", "matplotlib", "typer"} & set(loaded)


def test_where_no_cluster_answers_it_is_said_at_once(many, tmp_path):
    with pytest.raises(RunError, match=r"expected a Ray cluster at 127\.0\.0\.1:1"):
        predict_files(many, tmp_path / "out", engine=OnRay("127.0.0.1:1"))


def test_earlier_answers_are_kept_where_no_cluster_answers(many, tmp_path):
    predict_files(many, tmp_path / "out")
    before = pq.read_table(tmp_path / "out")
    with pytest.raises(RunError, match=r"expected a Ray cluster at 127\.0\.0\.1:1"):
        predict_files(many, tmp_path / "out", engine=OnRay("127.0.0.1:1"), overwrite=True)
    assert pq.read_table(tmp_path / "out").equals(before)


def test_a_killed_command_goes_on_and_no_row_is_missing(many, tmp_path):
    out = tmp_path / "out"
    options = ["--part-rows", "50", "--out", str(out), "--engine", "ray", "--json"]
    command = [sys.executable, "-m", "digitlab", "predict", str(many), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 180
    while len(list(out.glob("part-*"))) < 20:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert 20 <= told["kept_parts"] <= told["parts"] == 120
    assert [index for _, index, _ in answers(out)] == [*range(3000), *range(3000)]
