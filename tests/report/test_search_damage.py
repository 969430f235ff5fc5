"""Damaged files of a scan or a search: two lines that name the file, and the old report stays."""

import pytest
from synthetic import RECOMMENDED, make_study, scan, search

from digitlab.errors import RunError
from digitlab.report import write_report
from digitlab.runs import RunFolder


def changed(name, **changes):
    """Content for a file of which a row has another value."""
    return name, lambda text: "\n".join([text.splitlines()[0], ",".join({**_row(text), **changes}.values())])


def _row(text):
    names, values = (line.split(",") for line in text.splitlines()[:2])
    return dict(zip(names, values, strict=True))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("scan.csv", lambda text: ""),
        ("scan.csv", lambda text: text.splitlines()[0]),
        ("scan.csv", lambda text: text + "51,0.1\n"),
        ("scan.csv", lambda text: text.replace("learning_rate", "rate")),
        ("scan.csv", lambda text: "\x00" * 200_000),
        changed("scan.csv", learning_rate="0"),
        changed("scan.csv", smoothed_loss="nan"),
        changed("scan.csv", loss="<b>"),
        ("trials.csv", lambda text: ""),
        ("trials.csv", lambda text: text + "b0-r0-09,0\n"),
        ("trials.csv", lambda text: text.replace("hidden_units", "units")),
        ("trials.csv", lambda text: text.splitlines()[0] + '\n"' + "x" * 200_000 + '"\n'),
        changed("trials.csv", score="1.5"),
        changed("trials.csv", score="nan"),
        changed("trials.csv", hidden_units="64-x"),
        changed("trials.csv", hidden_units="0"),
        changed("trials.csv", learning_rate="-1"),
        changed("trials.csv", last_epoch="two"),
    ],
)
def test_a_damaged_table_is_named_in_two_lines_and_the_old_report_stays(tmp_path, name, change):
    make_study(tmp_path)
    (tmp_path / "report.html").write_text("old")
    (tmp_path / name).write_text(change((tmp_path / name).read_text()))
    assert name in _two_lines(tmp_path)
    assert (tmp_path / "report.html").read_text() == "old"


@pytest.mark.parametrize("name", ["scan.csv", "trials.csv"])
def test_a_missing_table_is_named_if_the_run_tells_of_it(tmp_path, name):
    make_study(tmp_path)
    (tmp_path / name).unlink()
    assert name in _two_lines(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        {"scan": []},
        {"scan": {}},
        {"scan": scan(valley=-1)},
        {"scan": scan(diagnostics=[{"learning_rate": 0.1, "history": [{"epoch": 1}]}])},
        {"search": "much"},
        {"search": search(finalists=[])},
        {"search": search(plan=[])},
        {"search": search(choice={"winner": 7, "sentence": ""})},
        {"search": search(finalists=[{**search()["finalists"][1], "seeds": [1]}])},
        {"seeds": {"seeds": [1], "test_accuracies": [], "test_losses": []}},
        {"document": {"test_accuracy": "high"}},
        {"recommended": "yes"},
        {"recommended": {**RECOMMENDED, "test": {}}},
        {"recommended": {**RECOMMENDED, "comparison": {"n": 500}}},
    ],
)
def test_a_damaged_record_is_named_in_two_lines(tmp_path, damage):
    make_study(tmp_path)
    RunFolder(tmp_path).update_record(**damage)
    assert "run.json" in _two_lines(tmp_path)


def _two_lines(path):
    with pytest.raises(RunError) as caught:
        write_report(path)
    assert len(str(caught.value).splitlines()) == 2
    return str(caught.value)
