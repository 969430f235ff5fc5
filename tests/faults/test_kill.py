"""Killed at any moment, a run goes on and ends bit for bit where it would have ended.

Twenty moments on full MNIST, as before a release:
``DIGITLAB_KILLS=20 DIGITLAB_KILLS_DATA=mnist make test ARGS=tests/faults``.
"""

import io
import os
import random
import signal
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from digitlab.runs import RunFolder
from forked import Forked, start_digitlab

KILLS = int(os.environ.get("DIGITLAB_KILLS", "2"))
SEED = int(os.environ.get("DIGITLAB_KILLS_SEED", "0"))
DATA = os.environ.get("DIGITLAB_KILLS_DATA", "sample")
# On the sample, small batches make the epochs long enough to be hit in the middle.
OPTIONS = {
    "sample": ("--preset", "document", "--hidden", "16", "--epochs", "12", "--patience", "11", "--batch-size", "4"),
    "mnist": ("--preset", "document"),
}[DATA]


def start(out: Path) -> Forked:
    return start_digitlab("train", "--data", DATA, *OPTIONS, "--out", out)


def finish(process: Forked) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def facts(out: Path) -> dict:
    """Everything of a finished run that must not depend on how often it was interrupted."""
    folder = RunFolder(out)
    record = folder.read_record()
    with np.load(out / "predictions.npz") as archive:
        probabilities = archive["test_probabilities"].tobytes()
    return {
        "history": [{k: v for k, v in row.items() if k != "duration_s"} for row in folder.read_history()],
        "scores": {name: record[name] for name in ("validation", "test", "epochs", "best_epoch", "stopped")},
        "probabilities": probabilities,
        "evaluation": (out / "evaluation.json").read_text(),
        "weights": weights(out / "model.keras"),
    }


def weights(model: Path) -> dict[str, bytes]:
    """Every array of the weights file inside a ``.keras`` archive, read without Keras."""
    found = {}

    def collect(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()].tobytes()

    with zipfile.ZipFile(model) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(collect)
    assert found
    return found


def wait_until(condition, process: Forked, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A whole run: its facts, its seconds, and what a second process was told that wanted the same folder."""
    out = tmp_path_factory.mktemp("whole") / "run"
    process = start(out)
    started = time.perf_counter()
    wait_until((out / "run.json").exists, process)
    second = start(out)
    _, told = second.communicate(timeout=120)
    finish(process)
    return facts(out), time.perf_counter() - started, (second.returncode, told)


def test_of_two_processes_with_one_folder_the_second_is_refused(uninterrupted):
    _, _, (code, told) = uninterrupted
    assert code == 1
    assert "in use by another digitlab process" in told


@pytest.mark.slow
def test_killed_at_random_moments_a_run_ends_as_if_nothing_had_happened(uninterrupted, tmp_path):
    expected, duration_s, _ = uninterrupted
    out = tmp_path / "run"
    moments = random.Random(SEED)
    killed = 0
    while killed < KILLS:
        process = start(out)
        time.sleep(moments.uniform(0.0, 0.95) * duration_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += 1
        if process.returncode != -signal.SIGKILL:  # it was quicker than the signal: begin another
            assert facts(out) == expected
            out = tmp_path / f"run-{killed}"
    if not (out / "run.json").exists() or RunFolder(out).read_record()["status"] != "finished":
        finish(start(out))
    assert facts(out) == expected
    assert [p.name for p in out.rglob(".*")] == [".lock"], "something half-written was left behind"


@pytest.mark.slow
def test_ctrl_c_leaves_whole_files_and_says_how_to_resume(uninterrupted, tmp_path):
    expected, *_ = uninterrupted
    out = tmp_path / "run"
    process = start(out)
    wait_until(lambda: len(RunFolder(out).read_history()) >= 2, process)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    assert stdout == ""
    assert "Traceback" not in stderr
    assert f"hint: digitlab train --resume {out}" in stderr
    assert RunFolder(out).read_record()["status"] == "interrupted"
    assert "interrupted" in (out / "report.html").read_text()
    finish(start_digitlab("train", "--resume", out))
    assert facts(out) == expected
