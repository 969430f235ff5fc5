"""Killed in the middle of an epoch of shards, a run goes on and ends bit for bit where it would have ended."""

import signal

import numpy as np
import pytest
from test_kill import facts, finish, wait_until

from digitlab.data import load_dataset
from digitlab.runs import RunFolder
from forked import start_digitlab

OPTIONS = ("--preset", "document", "--hidden", "16", "--epochs", "6", "--patience", "5", "--batch-size", "4")
SHARDS = ("--shard-images", "1000")  # four an epoch, the last of 600


def start(data, out):
    return start_digitlab("train", "--data", data, *OPTIONS, *SHARDS, "--out", out)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The sample as NPY files, which stay where they are."""
    folder, sample = tmp_path_factory.mktemp("npy"), load_dataset("sample")
    for part, split in (("train", sample.train), ("test", sample.test)):
        np.save(folder / f"{part}-images.npy", split.images)
        np.save(folder / f"{part}-labels.npy", split.labels)
    return folder


@pytest.mark.slow
def test_a_training_in_shards_killed_and_run_again_ends_as_if_nothing_had_happened(data, tmp_path):
    finish(start(data, tmp_path / "whole"))
    out = tmp_path / "run"
    process = start(data, out)
    wait_until((out / "checkpoints" / "state.npz").exists, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(RunFolder(out).read_history()) < 6, "it was quicker than the signal"
    finish(start(data, out))
    assert RunFolder(out).read_record()["config"]["shard_images"] == 1000
    assert facts(out) == facts(tmp_path / "whole")
