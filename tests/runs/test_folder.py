"""The run folder."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from digitlab.errors import RunError
from digitlab.runs import RunFolder, make_run_folder


def test_a_folder_without_a_run_is_said_so(tmp_path):
    with pytest.raises(RunError, match=r"no run\.json"):
        RunFolder(tmp_path).read_record()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', "\x00"])
def test_a_record_that_is_not_ours_is_refused(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match="expected a"):
        RunFolder(tmp_path).read_record()


def test_history_comes_back_as_it_was_written_with_missing_validation_left_out(tmp_path):
    rows = [
        {"epoch": 1.0, "loss": 0.1 + 0.2, "accuracy": 0.9, "learning_rate": 0.001, "duration_s": 1.5},
        {"epoch": 2.0, "loss": 1e-9, "accuracy": 1.0, "val_loss": 0.5, "val_accuracy": 0.8, "learning_rate": 0.001,
         "duration_s": 1.0},
    ]  # fmt: skip
    folder = RunFolder(tmp_path)
    folder.write_history(rows)
    assert folder.read_history() == rows


def test_a_damaged_history_is_said_so(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,loss\n1,abc\n")
    with pytest.raises(RunError, match=r"history\.csv"):
        RunFolder(tmp_path).read_history()


def test_a_second_process_is_told_that_the_folder_is_in_use(tmp_path):
    code = (
        "import sys; from pathlib import Path; from digitlab.runs import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).lock(): pass"
    )
    with RunFolder(tmp_path).lock():
        second = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert second.returncode == 1
    assert "in use by another digitlab process" in second.stderr
    again = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert again.returncode == 0


def test_runs_that_begin_in_the_same_second_get_folders_of_their_own(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: make_run_folder("train", tmp_path / "runs"), range(40)))
    assert len(set(made)) == 40
    assert all(path.is_dir() for path in made)


def test_where_no_run_folder_can_be_made_it_is_said(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RunError, match=r"cannot make a run folder in .*runs"):
        make_run_folder("train", tmp_path / "runs")
