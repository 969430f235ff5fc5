"""Damaged files of runs: a report, or a `RunError` of two lines, and never anything else."""

import ast
import os
import random
from pathlib import Path

import numpy as np
import pytest
from damage import damaged_files, outcome
from synthetic import RECOMMENDED, make_run, make_study, parse, record

from digitlab.errors import RunError
from digitlab.report import write_report
from digitlab.runs import RunFolder

# A study has 60,000 kinds of damage, of which each run of the tests tries others.
TRIED, DRAWN = 600, 8
FILES = ("run.json", "history.csv", "evaluation.json", "predictions.npz", "scan.csv", "trials.csv", "distorted.npz")


def study(path):
    path.mkdir()
    config = {
        "hidden_units": [256, 128], "learning_rate": 0.001, "patience": 3, "validation_fraction": 0.1, "members": 1,
        "seed": 0, "teacher": "",
    }  # fmt: skip
    make_study(path, tuple("abc"), recommended=RECOMMENDED, command="study", config=config, epochs=3)
    np.savez_compressed(
        path / "distorted.npz", original=np.zeros((28, 28), np.uint8), distorted=np.zeros((5, 28, 28), np.uint8)
    )
    return path


def sample(path, count, seed):
    """`count` kinds of damage of all those that there are, by reservoir sampling."""
    rng, chosen = random.Random(seed), []
    for number, damage in enumerate(damaged_files(path)):
        if number < count:
            chosen.append(damage)
        elif (place := rng.randrange(number + 1)) < count:
            chosen[place] = damage
    return chosen


def test_a_run_of_any_damage_gives_a_report_or_two_lines(tmp_path):
    path = study(tmp_path / "run")
    assert outcome(path, draw=True) == "report"
    whole = {name: (path / name).read_bytes() for name in FILES}
    seed = int(os.environ.get("DIGITLAB_DAMAGE_SEED", random.randrange(2**31)))
    found = set()
    for number, (name, content) in enumerate(sample(path, TRIED, seed)):
        (path / name).write_bytes(content)
        try:
            found.add((name, outcome(path, draw=number % (TRIED // DRAWN) == 0)))
        except BaseException as error:
            (tmp_path / "damaged").write_bytes(content)
            error.add_note(f"DIGITLAB_DAMAGE_SEED={seed}: {name} as {tmp_path / 'damaged'}")
            raise
        (path / name).write_bytes(whole[name])
    assert {name for name, what in found if what == "refused"} == set(FILES)


def shared_cases():
    root = os.environ.get("DIGITLAB_DATA")
    folders = [Path(root), Path(root).parent] if root else []
    for folder in (*folders, Path(__file__).parents[3] / "shared"):
        if (folder / "cases" / "hostile").is_dir():
            return sorted((folder / "cases" / "hostile").glob("run_*"))
    return []


@pytest.mark.parametrize("case", shared_cases() or [None], ids=lambda case: case.name if case else "none")
def test_a_record_that_was_made_to_harm_is_refused_in_two_lines(tmp_path, case):
    if case is None:
        pytest.skip("cases/hostile lies neither in DIGITLAB_DATA nor in ../shared")
    path = study(tmp_path / "run")
    content = case.read_bytes()
    files = {"run.json": content} if case.suffix == ".json" else ast.literal_eval(content.decode())[1]
    for name, damaged in files.items():
        (path / name).write_bytes(damaged)
    with pytest.raises(RunError, match=next(iter(files))) as caught:
        write_report(path)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["pipe", "folder", "zero", "dangling"])
def test_what_is_no_file_is_named_and_nothing_waits_for_it(tmp_path, name, kind):
    path = study(tmp_path / "run")
    (path / name).unlink()
    make = {
        "pipe": os.mkfifo,
        "folder": os.mkdir,
        "zero": lambda place: place.symlink_to("/dev/zero"),
        "dangling": lambda place: place.symlink_to(tmp_path / "nothing"),
    }[kind]
    make(path / name)
    if kind == "dangling" and name == "history.csv":  # a run without epochs
        return
    with pytest.raises(RunError, match=name) as caught:
        write_report(path)
    assert len(str(caught.value).splitlines()) == 2


def test_no_figure_is_written_through_a_link(tmp_path):
    path, elsewhere = study(tmp_path / "run"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (path / "figures").symlink_to(elsewhere)
    with pytest.raises(RunError, match="figures: expected a folder of the run, got a symbolic link"):
        write_report(path)
    assert list(elsewhere.iterdir()) == []
    assert not (path / "report.html").exists()


def test_a_page_that_is_a_link_is_replaced_and_what_it_points_to_is_kept(tmp_path):
    path, secret = study(tmp_path / "run"), tmp_path / "secret"
    secret.write_text("kept")
    (path / "report.html").symlink_to(secret)
    write_report(path)
    assert secret.read_text() == "kept"
    assert not (path / "report.html").is_symlink()


CONTROLLING = ("\x1b[31mred\x07\x00", "line\nbreak", "\u202eevil", "-->", "\U0001f600\ue000", "x" * 900, " ")


def test_class_names_of_any_characters_neither_hide_the_page_nor_make_figures_huge(tmp_path):
    make_run(tmp_path, CONTROLLING, name="\x1b]0;title\x07")
    html = write_report(tmp_path).read_text()
    assert not {character for character in html if character < " " and character not in "\n\t"}
    assert "\u202e" not in html
    assert {"section", "table", "svg"} <= set(parse(html).tags)
    assert (tmp_path / "figures" / "confusion_test.png").stat().st_size < 2**20


@pytest.mark.parametrize(
    "changes",
    [
        {"class_names": [f"class {i}" for i in range(101)]},
        {"class_names": []},
        {"class_names": ["x" * 2000]},
        {"train": 10**30},
    ],
)
def test_what_no_data_set_has_is_refused(tmp_path, changes):
    whole = record(("a", "b"))
    RunFolder(tmp_path).write_record({**whole, "dataset": {**whole["dataset"], **changes}})
    with pytest.raises(RunError, match=rf"dataset\.{next(iter(changes))}"):
        write_report(tmp_path)


def test_the_longest_training_gives_a_page_of_bounded_size(tmp_path):
    make_run(tmp_path, ("a", "b"))
    head = "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,duration_s\n"
    rows = (f"{epoch},0.5,0.9,0.6,0.8,0.001,1.5\n" for epoch in range(1, 100_001))
    (tmp_path / "history.csv").write_text(head + "".join(rows))
    write_report(tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 3 * 2**20
    with (tmp_path / "history.csv").open("a") as file:
        file.write("100001,0.5,0.9,0.6,0.8,0.001,1.5\n")
    with pytest.raises(RunError, match="100,000 rows"):
        write_report(tmp_path)
