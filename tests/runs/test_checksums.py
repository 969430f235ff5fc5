"""Checksums: a run's files are those that digitlab wrote, or the first that is not is named."""

import hashlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitlab.errors import RunError
from digitlab.runs import RunFolder
from digitlab.runs.checks import CheckError
from digitlab.runs.checksums import check_checksum, check_file, file_states, refuse_changed_files, with_checksum

RECORD = {
    "format": 1, "name": "run", "status": "finished", "config": {"seed": 3}, "dataset": {"name": "é"}, "versions": {},
    "machine": {}, "stages": {"train": {"status": "finished", "duration_s": 1.0}},
}  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.text("abc"), VALUES, max_size=4), st.sampled_from([None, 2]), st.booleans())
def test_a_checksum_holds_however_the_file_is_laid_out(value, indent, ascii_only):
    text = json.dumps(with_checksum(value), indent=indent, ensure_ascii=ascii_only)
    assert check_checksum(json.loads(text)) == {**value, "sha256": with_checksum(value)["sha256"]}


@given(st.dictionaries(st.text("abc"), VALUES, max_size=4), VALUES)
def test_no_value_can_be_changed_added_or_removed(value, other):
    sealed = with_checksum(value)
    changed = [{**sealed, "d": other}, {**value}]
    changed += [{**sealed, key: other} for key in value if json.dumps(value[key]) != json.dumps(other)]
    changed += [{k: v for k, v in sealed.items() if k != key} for key in value]
    for one in changed:
        with pytest.raises(CheckError, match=r"sha256: expected .*SHA-256"):
            check_checksum(one)


def folder_with(path, **files):
    folder = RunFolder(path)
    for name, content in files.items():
        (path / name.replace("_", ".")).write_bytes(content)
    states = file_states(path, [name.replace("_", ".") for name in files])
    stages = {"train": {"status": "finished", "files": states}}
    folder.write_record({**RECORD, "stages": stages})
    return folder


def test_a_file_is_described_by_its_size_and_its_sha_256(tmp_path):
    (tmp_path / "a").write_bytes(b"digits")
    assert file_states(tmp_path, ["a", "nothing"]) == {
        "a": {"bytes": 6, "sha256": hashlib.sha256(b"digits").hexdigest()}
    }


def test_a_value_of_run_json_that_was_changed_by_hand_is_refused_in_two_lines(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_record(RECORD)
    path = folder.record_path
    path.write_text(path.read_text().replace('"seed": 3', '"seed": 4'))
    with pytest.raises(RunError, match=r"run\.json: .*SHA-256") as caught:
        folder.read_record()
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b""), "expected 6 bytes, as run.json states, got 0"),
        (lambda path: path.write_bytes(b"digit5"), r"expected the SHA-256 \w{12}…, as run.json states, got \w{12}…"),
        (lambda path: path.unlink(), "expected a file of 6 bytes, as run.json states, got none"),
    ],
    ids=["cut", "changed", "removed"],
)
def test_a_file_that_is_not_what_its_stage_left_is_named(tmp_path, damage, words):
    folder = folder_with(tmp_path, model_keras=b"digits", history_csv=b"epoch\n")
    refuse_changed_files(tmp_path, folder.read_record())
    damage(tmp_path / "model.keras")
    for check in (
        lambda: folder.check_file("model.keras"),
        lambda: refuse_changed_files(tmp_path, folder.read_record()),
    ):
        with pytest.raises(RunError, match=rf"model\.keras: {words}"):
            check()
    folder.check_file("history.csv")


def test_a_file_that_no_stage_has_left_is_not_checked(tmp_path):
    folder = folder_with(tmp_path, model_keras=b"digits")
    (tmp_path / "evaluation.json").write_text("{}")
    folder.check_file("evaluation.json")
    RunFolder(tmp_path / "no run").check_file("model.keras")


def test_a_file_that_was_written_anew_is_stated_anew_and_no_other_becomes_known(tmp_path):
    folder = folder_with(tmp_path, model_onnx=b"digits")
    for name in ("model.onnx", "model.html"):
        (tmp_path / name).write_bytes(b"other digits")
        folder.update_file(name)
    assert folder.read_record()["stages"]["train"]["files"] == file_states(tmp_path, ["model.onnx"])


def test_a_pipe_in_the_place_of_a_file_is_refused(tmp_path):
    folder = folder_with(tmp_path, model_keras=b"digits")
    (tmp_path / "model.keras").unlink()
    os.mkfifo(tmp_path / "model.keras")
    with pytest.raises(RunError, match="a named pipe"):
        check_file(tmp_path / "model.keras", folder.read_record()["stages"]["train"]["files"]["model.keras"])
