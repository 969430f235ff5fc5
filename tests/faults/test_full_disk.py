"""On a full disk a command ends with two lines; after room is made, the same command ends as if nothing had been.

Twenty sizes of the disk for each verb, as before a release:
``DIGITLAB_DISKS=20 make test ARGS=tests/faults/test_full_disk.py``.
"""

import csv
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from test_kill import facts

from digitlab.cli.main import main
from digitlab.data import load_dataset
from digitlab.runs import RunFolder

DISKS = int(os.environ.get("DIGITLAB_DISKS", "2"))
LEAST_BYTES, ROOM = 8192, "64m"

pytestmark = pytest.mark.slow

SEARCH = ["--layers", "1", "--units", "4,8", "--learning-rates", "0.01,0.001", "--max-epochs", "2", "--factor", "2"]
COMMANDS = {
    "train": ["train", "--preset", "document", "--hidden", "8", "--epochs", "3", "--data", "small.npz", "--out"],
    "tune": ["tune", *SEARCH, "--finalists", "1", "--finalist-seeds", "2", "--data", "small.npz", "--out"],
    "predict": ["predict", "images.npy", "--part-rows", "500", "--out"],
}


def mount(folder, size):
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "digitlab-test", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no program `mount`")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")


def make_room(folder):
    subprocess.run(["mount", "-o", f"remount,size={ROOM}", str(folder)], check=True)


def unmount(folder):
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, sample = tmp_path_factory.mktemp("data"), load_dataset("sample")
    np.save(folder / "images.npy", sample.train.images[:3000])
    small = {"x_train": sample.train.images[:300], "y_train": sample.train.labels[:300]}
    np.savez(folder / "small.npz", **small, x_test=sample.test.images[:50], y_test=sample.test.labels[:50])
    return folder


@pytest.fixture
def digitlab(data, monkeypatch, capfd):
    """Runs a command line; its exit code and what it wrote to standard error."""
    monkeypatch.chdir(data)
    monkeypatch.setenv("MPLCONFIGDIR", str(data / "matplotlib"))

    def run(verb, out):
        with pytest.raises(SystemExit) as caught:
            main([*COMMANDS[verb], str(out)])
        return caught.value.code, capfd.readouterr().err

    return run


def facts_of(verb, out):
    """All that must not depend on what happened on the way."""
    if verb == "train":
        return facts(out)
    if verb == "tune":
        with (out / "trials.csv").open(newline="") as file:
            trials = [{k: v for k, v in row.items() if k != "duration_s"} for row in csv.DictReader(file)]
        search = RunFolder(out).read_record()["search"]
        return trials, search["finalists"], search["choice"], search["failed"]
    import pyarrow.parquet as pq

    return {path.name: pq.read_table(path).to_pydict() for path in sorted(out.glob("part-*.parquet"))}


@pytest.fixture(scope="module")
def whole():
    """What each verb comes to with room enough, and how many bytes that takes; filled by the first test of a verb."""
    return {}


def used(folder):
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is a tmpfs here")
@pytest.mark.parametrize("number", range(DISKS))
@pytest.mark.parametrize("verb", COMMANDS)
def test_a_full_disk_ends_in_two_lines_and_after_room_is_made_the_result_is_exact(
    verb, number, digitlab, whole, tmp_path
):
    if verb not in whole:
        code, err = digitlab(verb, tmp_path / "whole")
        assert code == 0, err
        whole[verb] = facts_of(verb, tmp_path / "whole"), used(tmp_path / "whole")
        shutil.rmtree(tmp_path / "whole")
    expected, most = whole[verb]
    disk = tmp_path / "disk"
    # From almost nothing up to just too little.
    size = round(LEAST_BYTES + (0.98 * most - LEAST_BYTES) * (number + 0.5) / DISKS)
    mount(disk, size)
    try:
        code, err = digitlab(verb, disk / "out")
        assert code == 1, err
        assert_two_lines(err)
        make_room(disk)
        code, err = digitlab(verb, disk / "out")
        assert code == 0, err
        assert facts_of(verb, disk / "out") == expected
        assert not list(disk.rglob(".unfinished-*"))
    finally:
        unmount(disk)


def assert_two_lines(err):
    """An error of the project's own in the end, and no traceback of any thread before it."""
    *before, error, hint = err.strip().splitlines()
    assert error.startswith("error: "), err
    assert re.search("No space left on device", error), err
    assert hint.startswith("hint: free some space"), err
    assert "Traceback" not in err
    assert not any(line.startswith(("error", "hint")) for line in before), err
