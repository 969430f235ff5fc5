"""trials.csv: a row per trial, in which no error message is a formula."""

import csv

from digitlab.config import TrainConfig
from digitlab.text import text_of_csv
from digitlab.tuning.result import TrialRecord, write_trials


def trial(error):
    return TrialRecord("b0-r0-00", 0, 0, 0, 0, 1, TrainConfig(), 0, 1, None, None, None, (), 1.0, error)


def test_an_error_that_a_spreadsheet_would_run_is_text_and_comes_back(tmp_path):
    errors = ["=cmd|' /C calc'!A0", "-1 images", "CUDA error: +inf", "", "'=1"]
    write_trials([trial(error) for error in errors], tmp_path / "trials.csv")
    with (tmp_path / "trials.csv").open(newline="") as file:
        cells = [row["error"] for row in csv.DictReader(file)]
    assert cells == ["'=cmd|' /C calc'!A0", "'-1 images", "CUDA error: +inf", "", "''=1"]
    assert [text_of_csv(cell) for cell in cells] == errors
