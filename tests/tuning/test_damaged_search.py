"""Damaged files of a search and of its finalists, on this machine and on Ray: two lines that name the file."""

import json
import os

import pytest

from digitlab.cluster.trial_files import Outcome, TrialFiles
from digitlab.errors import RunError
from digitlab.runs.checks import CheckError
from digitlab.runs.checksums import file_states, with_checksum
from digitlab.tuning.finalists import read_rows
from digitlab.tuning.identity import claim_search
from digitlab.tuning.oracle import check_trial
from digitlab.tuning.schedule import TrialKey

ROW = {"epoch": 1.0, "loss": 0.5, "accuracy": 0.9, "val_loss": 0.6, "val_accuracy": 0.8, "learning_rate": 0.001,
       "duration_s": 1.0}  # fmt: skip
WRONG = ("null", "true", '"x"', "-1", "1e308", "NaN", "[]", "{}", "[[]]", "1" * 5000, "[" * 5000, r'"\ud800"')
TRIAL = {
    "trial_id": "b0-r0-00", "status": "COMPLETED", "score": 0.9, "best_step": 1, "message": None,
    "hyperparameters": {"space": [], "values": {"units_1": 32}},
    "metrics": {"metrics": {"val_accuracy": {"direction": "max", "observations": [{"value": [0.9], "step": 1}]}}},
}  # fmt: skip


def changed(value):
    """JSON texts of an object in which each value in turn is each of `WRONG`, or is left out."""
    mark = "the one to put in"
    for key in value:
        head, tail = json.dumps({**value, key: mark}).split(json.dumps(mark))
        below_0 = key in ("loss", "val_loss", "learning_rate")  # nothing says that they cannot be
        yield from (head + wrong + tail for wrong in WRONG if not (below_0 and wrong == "-1"))
        yield json.dumps({name: other for name, other in value.items() if name != key})


def refused(path, read):
    with pytest.raises(RunError, match=path.name) as caught:
        read()
    assert len(str(caught.value).splitlines()) == 2
    assert "SHA-256" not in str(caught.value), "the checksum alone has found it"


def test_a_finalists_result_that_is_damaged_is_named(tmp_path):
    path = tmp_path / "0-seed-0.json"
    (tmp_path / "0-seed-0.weights.h5").write_bytes(b"weights")
    [weights] = file_states(tmp_path, ["0-seed-0.weights.h5"]).values()
    path.write_text(json.dumps(with_checksum({"rows": [ROW], "weights": weights})))
    assert read_rows(path) == [ROW]
    for row in changed({name: ROW[name] for name in ("epoch", "val_loss", "val_accuracy")}):
        path.write_text(f'{{"rows": [{row}], "weights": {json.dumps(weights)}}}')
        refused(path, lambda: read_rows(path))
    path.unlink()
    os.mkfifo(path)
    refused(path, lambda: read_rows(path))


def test_a_trial_of_a_search_on_ray_that_is_damaged_is_named(tmp_path):
    files, key = TrialFiles(tmp_path), TrialKey(0, 1, 0, 2)
    assert files.read(key) is None
    files.write(key, Outcome((ROW,)))
    assert files.read(key) == Outcome((ROW,))
    path = tmp_path / "trial_b1-r0-02" / "trial.json"
    for row in changed({name: ROW[name] for name in ("epoch", "val_accuracy")}):
        path.write_text(f'{{"error": "", "rows": [{row}]}}')
        refused(path, lambda: files.read(key))
    path.write_text(json.dumps(with_checksum({"error": "", "rows": []})))
    refused(path, lambda: files.read(key))


def test_a_searchs_record_that_is_damaged_is_named(tmp_path):
    path, identity = tmp_path / "search.json", {"seed": 3, "space": {"units": [8]}}
    assert not claim_search(tmp_path, identity)
    assert claim_search(tmp_path, identity)
    for content in ("", "{", "[]", '{"seed": 3}', '{"seed": NaN, "space": 1}', "[" * 100_000, "\xff"):
        path.write_text(content, encoding="latin-1")
        refused(path, lambda: claim_search(tmp_path, identity))
    path.unlink()
    path.symlink_to("/dev/zero")
    refused(path, lambda: claim_search(tmp_path, identity))


def test_a_trial_of_keras_tuner_is_checked_before_it_reads_it():
    assert check_trial(TRIAL) == TRIAL
    wrong = [None, True, -1, 1e308, [], [[]], {"a": 1}, "x" * 10**7]
    for key in TRIAL:
        for value in wrong:
            if (key, value) in (("message", None), ("score", -1)):
                continue
            with pytest.raises(CheckError, match=key):
                check_trial({**TRIAL, key: value})
        with pytest.raises(CheckError, match=key):
            check_trial({name: value for name, value in TRIAL.items() if name != key})
