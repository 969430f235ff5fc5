"""Predictions in parts: the same however they are cut, whoever was killed, and never twice."""

import contextlib
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import FORMATS, idx, rows

import digitlab
from digitlab.bulk import Here, predict_files
from digitlab.errors import DataError, RunError, UsageError
from onnx_by_hand import build


@pytest.fixture(scope="module")
def expected(images):
    """What `Classifier` says of the images, all at once."""
    probabilities = digitlab.load_classifier().predict_proba(images)
    return [str(label) for label in probabilities.argmax(axis=1)], probabilities


def test_every_format_gives_the_same_predictions(file_of_images, expected, tmp_path):
    outcome = predict_files(file_of_images, tmp_path / "out", part_rows=50)
    table = pq.read_table(tmp_path / "out")
    assert (outcome.rows, outcome.parts, outcome.kept_parts) == (130, 3, 0)
    assert table["label"].to_pylist() == expected[0]
    assert table["file"].unique().to_pylist() == [str(file_of_images)]
    assert table["index"].to_pylist() == list(range(130))
    assert np.allclose(np.stack(table["probabilities"].to_numpy()), expected[1], atol=1e-6)
    assert np.allclose(table["probability"], expected[1].max(axis=1), atol=1e-6)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part_rows=st.integers(1, 200))
def test_any_cut_into_parts_gives_the_same_rows_in_the_same_order(part_rows, idx_file, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cut")
    second = folder / "second.npy"
    second.write_bytes(FORMATS["flat.npy"](images[::-1]))
    predict_files([idx_file, second], folder / "parts", part_rows=part_rows)
    predict_files([idx_file, second], folder / "whole", part_rows=130)
    assert rows(folder / "parts") == rows(folder / "whole")


def test_the_same_call_again_does_only_what_is_missing(idx_file, tmp_path):
    out = tmp_path / "out"
    predict_files(idx_file, out, part_rows=20)
    whole = rows(out)
    written = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    for name in ("part-00002.parquet", "part-00006.parquet"):
        (out / name).unlink()
    (out / ".unfinished-part-00002-abcd1234.parquet").write_bytes(b"half")
    told = []
    outcome = predict_files(idx_file, out, part_rows=20, progress=told.append)
    assert (outcome.kept_parts, outcome.parts) == (5, 7)
    assert [(one.parts_done, one.rows_done) for one in told] == [(5, 100), (6, 120), (7, 130)]
    assert rows(out) == whole
    again = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert sum(again[name] == written[name] for name in written) == 5
    assert not list(out.glob(".unfinished*"))


def test_another_question_is_refused_by_what_is_different_and_overwritten_when_asked(idx_file, tmp_path):
    out = tmp_path / "out"
    predict_files(idx_file, out, part_rows=20)
    before = rows(out)
    with pytest.raises(RunError, match="part_rows 20 there, 40 asked for") as caught:
        predict_files(idx_file, out, part_rows=40)
    assert "--overwrite" in caught.value.hint
    assert rows(out) == before
    assert predict_files(idx_file, out, part_rows=40, overwrite=True).kept_parts == 0
    assert rows(out) == before
    assert len(list(out.glob("part-*"))) == 4


def test_another_network_and_other_files_are_other_questions(idx_file, images, make_three, tmp_path):
    out = tmp_path / "out"
    predict_files(idx_file, out)
    with pytest.raises(RunError, match="another question: model"):
        predict_files(idx_file, out, model=make_three)
    idx_file.write_bytes(idx(images[:5]))
    with pytest.raises(RunError, match="another question: rows 130 there, 5 asked for"):
        predict_files(idx_file, out)


@pytest.fixture
def make_three(tmp_path):
    """A network of three classes with names."""
    path = tmp_path / "three.onnx"
    path.write_bytes(build())
    return path


def test_a_network_of_other_classes_gives_their_names(idx_file, make_three, tmp_path):
    predict_files(idx_file, tmp_path / "out", model=make_three, probabilities=False)
    table = pq.read_table(tmp_path / "out")
    assert set(table["label"].to_pylist()) <= {"zero", "one", "two"}
    assert table.column_names == ["file", "index", "label", "probability"]


def test_a_folder_of_something_else_is_left_as_it_is(idx_file, tmp_path):
    for out in (tmp_path, idx_file):
        before = sorted(tmp_path.iterdir())
        with pytest.raises(RunError, match="expected a new or empty folder"):
            predict_files(idx_file, out, overwrite=True)
        assert sorted(tmp_path.iterdir()) == before


def test_a_damaged_file_among_others_is_told_before_anything_is_written(idx_file, images, tmp_path):
    (tmp_path / "cut.npy").write_bytes(FORMATS["digits.npy"](images)[:-1])
    with pytest.raises(DataError, match=r"cut\.npy"):
        predict_files([idx_file, tmp_path / "cut.npy"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damage_that_shows_late_leaves_whole_parts_alone(images, tmp_path):
    whole = FORMATS["digits-idx3-ubyte.gz"](images)
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.gz"):
        predict_files(tmp_path / "cut.gz", tmp_path / "out", part_rows=10)
    left = {path.name for path in (tmp_path / "out").iterdir()} - {".lock", "_manifest.json"}
    assert left == {f"part-{number:05d}.parquet" for number in range(len(left))}
    assert 0 < len(left) < 13


def test_no_rows_in_a_part_is_wrong_usage(idx_file, tmp_path):
    with pytest.raises(UsageError, match="expected at least 1 row in it, got 0"):
        predict_files(idx_file, tmp_path / "out", part_rows=0)


def test_a_manifest_that_was_damaged_is_said_to_be(idx_file, tmp_path):
    out = tmp_path / "out"
    predict_files(idx_file, out)
    (out / "_manifest.json").write_text("{")
    with pytest.raises(RunError, match="is damaged"):
        predict_files(idx_file, out)


def test_the_manifest_says_what_was_asked(idx_file, tmp_path):
    predict_files(idx_file, tmp_path / "out", part_rows=100)
    manifest = json.loads((tmp_path / "out" / "_manifest.json").read_text())
    assert manifest["inputs"] == [{"file": str(idx_file), "bytes": 16 + 130 * 784, "rows": 130}]
    assert (manifest["rows"], manifest["part_rows"], manifest["command"]) == (130, 100, "predict")


def test_a_worker_that_outlived_its_command_writes_nothing_among_anothers_answers(idx_file, tmp_path):
    out = tmp_path / "out"

    def stale(job, parts):
        (out / "_manifest.json").write_text("{}")
        yield from Here(1)(job, parts)

    with pytest.raises(RunError, match="begun anew by another command"):
        predict_files(idx_file, out, engine=stale)
    assert not list(out.glob("*.parquet"))


class Unreachable:
    """An engine that cannot be had, such as a cluster that is down."""

    @contextlib.contextmanager
    def prepared(self):
        raise RunError("no cluster answers", hint="start it")
        yield

    def __call__(self, job, parts):
        raise AssertionError("it was asked though it was not ready")


def test_earlier_answers_are_kept_where_the_engine_for_new_ones_cannot_be_had(idx_file, tmp_path):
    out = tmp_path / "out"
    predict_files(idx_file, out, part_rows=50)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(RunError, match="no cluster answers"):
        predict_files(idx_file, out, part_rows=20, engine=Unreachable(), overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_into_and_out_of_a_uri_is_as_into_a_folder(idx_file, tmp_path, monkeypatch):
    from digitlab.bulk import folder, predict, sources
    from digitlab.bulk.remote_place import RemotePlace

    predict_files(idx_file, tmp_path / "local", part_rows=50)
    for module in (folder, predict, sources):  # what s3:// would be, on a file system that is at hand
        monkeypatch.setattr(module, "place", RemotePlace)
    asked = idx_file.as_uri(), (tmp_path / "remote").as_uri()
    predict_files(*asked, part_rows=50)
    (tmp_path / "remote" / "part-00001.parquet").unlink()
    (tmp_path / "remote" / ".unfinished-x").write_bytes(b"half")
    assert predict_files(*asked, part_rows=50).kept_parts == 2
    assert [row[1:] for row in rows(tmp_path / "remote")] == [row[1:] for row in rows(tmp_path / "local")]
    assert not (tmp_path / "remote" / ".unfinished-x").exists()


@pytest.mark.slow
def test_a_killed_prediction_goes_on_and_no_row_is_missing(images, tmp_path):
    (tmp_path / "many.npy").write_bytes(FORMATS["digits.npy"](np.tile(images, (40, 1, 1))))
    out = tmp_path / "out"
    options = ["predict", str(tmp_path / "many.npy"), "--part-rows", "40", "--out", str(out), "--json"]
    command = [sys.executable, "-m", "digitlab", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while len(list(out.glob("part-*"))) < 20:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert 20 <= told["kept_parts"] < told["parts"] == 130
    assert [index for _, index, _, _ in rows(out)] == list(range(5200))
    assert {path.name[0] for path in out.iterdir()} == {"p", "_", "."}


def test_overwrite_removes_parts_whose_numbers_have_more_digits(idx_file, images, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "_manifest.json").write_text("another question")
    for name in ("part-000000.parquet", "part-000004.parquet", "part-100000.parquet"):
        (out / name).write_bytes(b"an older answer")
    outcome = predict_files(idx_file, out, part_rows=50, overwrite=True)
    assert (outcome.parts, outcome.kept_parts) == (3, 0)
    assert sorted(path.name for path in out.glob("part-*")) == [f"part-{number:05d}.parquet" for number in range(3)]
    assert len(rows(out)) == len(images)
