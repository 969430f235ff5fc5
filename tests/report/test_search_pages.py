"""The reports of study, tune and scan: their story, their damage, and that it is all text."""

import re

import pytest
from synthetic import (
    RECOMMENDED,
    make_run,
    make_scan,
    make_study,
    make_tune,
    parse,
    scan,
    search,
    text_of,
    trial,
    write_scan,
)

from digitlab.report import write_report
from digitlab.runs import RunFolder
from digitlab.text import csv_text

SECTIONS = (
    "Data and network", "Which learning rate?", "The search", "How sure is the choice?", "The winner's learning curves",
    "What is taken for what", "Beside the document", "How it was made",
)  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = tmp_path_factory.mktemp("study")
    make_study(path)
    return path, write_report(path).read_text()


@pytest.fixture
def unsaved(monkeypatch):
    """Figures are made and not written, which takes most of the time of a page."""
    monkeypatch.setattr("digitlab.report.write.save_figure", lambda figure, folder, name: "<svg></svg>")


def page(path):
    return text_of(write_report(path).read_text())


def figures(path):
    return {file.stem for file in (path / "figures").glob("*.svg")}


def test_a_study_tells_its_story_in_order(study):
    text = text_of(study[1])
    places = [text.index(title) for title in SECTIONS]
    assert places == sorted(places)


def test_a_study_has_every_figure_as_png_and_svg(study):
    path, _ = study
    names = {"range_test", "learning_rates", "trials", "finalists", "learning_curves", "confusion_test"}
    assert names <= figures(path)
    assert names <= {file.stem for file in (path / "figures").glob("*.png")}


def test_a_study_asks_for_nothing_outside_itself(study):
    read = parse(study[1])
    assert read.outside == []
    assert not {"script", "link", "iframe", "img"} & set(read.tags)
    assert not re.search(r"url\((?!#)", study[1])


def test_the_same_study_gives_the_same_bytes_again(study):
    path, html = study
    before = {file.name: file.read_bytes() for file in (path / "figures").iterdir()}
    assert write_report(path).read_text() == html
    assert {file.name: file.read_bytes() for file in (path / "figures").iterdir()} == before


def test_the_plan_is_told_by_bracket_and_rung(study):
    text = text_of(study[1])
    # 3 trials of 3 epochs and 1 of 7 more; then 2 of 10.
    assert "1 3 to epoch 3 1 to epoch 10 4 16 0 2 to epoch 10 2 20" in text
    assert "6 trials by Hyperband and 72 epochs in all" in text
    assert "on 2 lanes in 95.2 s" in text


def test_a_plan_of_several_passes_is_told_once(unsaved, tmp_path):
    plan = search()["plan"]
    make_tune(tmp_path, search=search(plan=[*plan, *({**rung, "iteration": 1} for rung in plan)]))
    text = page(tmp_path)
    assert "Plan, gone through 2 times" in text
    assert text.count("3 to epoch 3") == 1


def test_the_best_networks_are_told_once_each_the_best_first(study):
    text = text_of(study[1])
    assert "The best 3 networks" in text
    assert "b1-r1-01 256-128 0.001 10 9 0.1000 97.50 %" in text
    assert "b1-r0-01" not in text  # the same network, a rung before
    assert text.index("b1-r1-01") < text.index("b0-r0-00") < text.index("b1-r0-00")


def test_the_document_stands_beside_our_own(study):
    text = text_of(study[1])
    assert "validation accuracy 97.85 %" in text
    assert "97.50 ± 0.14 %" in text  # the winner's 97.4 and 97.6, over two seeds
    assert "98.00 ± 1.00 %" in text
    assert "0.0900 ± 0.0100" in text
    assert "hidden layers 256-128 192-64" in text
    assert "the mean over seeds is 0.42 points above the document's accuracy" in text


def test_a_study_of_other_data_says_why_it_is_not_compared_with_the_document(tmp_path):
    dataset = {
        "name": "sample", "fingerprint": "f" * 64, "class_names": list("0123456789"), "train": 3_600,
        "validation": 400, "test": 1_000, "note": "",
    }  # fmt: skip
    make_study(tmp_path, dataset=dataset)
    text = page(tmp_path)
    assert "not compared with the document" in text
    assert "MNIST's 60,000 images to train on and 10,000 to test, this run has 4,000 to train on and 1,000 to" in text
    assert "the document's accuracy" not in text
    assert "97.58 %" not in text


def test_what_one_would_ship_stands_beside_the_winner_on_the_same_images(tmp_path):
    make_study(tmp_path, recommended=RECOMMENDED)
    text = page(tmp_path)
    assert "right on 99.20 % of the test images" in text
    assert "right where the winner is wrong on 16 images, and the other way round on 1" in text
    assert "+3.00 points (95 % interval +1.23 to +4.76; McNemar's p is 0.00031)" in text


def test_the_words_of_scan_and_choice_are_passed_on(study):
    text = text_of(study[1])
    assert scan()["sentence"] in text
    assert search()["choice"]["sentence"] in text


def test_a_tune_run_is_headed_by_its_best_network(tmp_path):
    make_tune(tmp_path)
    text = page(tmp_path)
    assert "97.50 % validation accuracy of the best network, mean of 2 seeds hidden layers 192-64" in text
    assert figures(tmp_path) == {"trials", "finalists"}
    assert "Beside the document" not in text
    assert "--resume" not in text


def test_a_search_says_where_held_out_images_are_copies_of_training_images(tmp_path):
    sentence = "3 of these 6,000 images were in its training; for new ones the score may be too high"
    make_tune(tmp_path, search={**search(), "validation_overlap": sentence})
    assert f"Of the validation images: {sentence}." in page(tmp_path)


def test_a_scan_run_is_headed_by_its_suggestion(tmp_path):
    make_scan(tmp_path)
    text = page(tmp_path)
    assert "0.001 is the suggested learning rate" in text
    assert figures(tmp_path) == {"range_test", "learning_rates"}
    assert "--resume" not in text


def test_a_range_test_alone_has_no_panel_of_rates(tmp_path):
    make_scan(tmp_path)
    RunFolder(tmp_path).update_record(scan=scan(diagnostics=[]))
    write_report(tmp_path)
    assert figures(tmp_path) == {"range_test"}


@pytest.mark.parametrize("make", [make_study, make_tune, make_scan])
def test_a_report_drawn_while_the_run_ends_is_the_report_afterwards(unsaved, tmp_path, make):
    make(tmp_path, status="running")
    during = write_report(tmp_path).read_text()
    RunFolder(tmp_path).update_record(status="finished")
    assert write_report(tmp_path).read_text() == during


@pytest.mark.parametrize("command", ["train", "scan", "tune", "study"])
def test_the_hint_of_an_unfinished_run_names_its_verb(unsaved, tmp_path, command):
    make_scan(tmp_path, status="interrupted")
    folder = RunFolder(tmp_path)
    folder.update_record(command=command, scan=None)
    assert f"digitlab {command} --resume demo" in page(tmp_path)


def test_a_killed_run_still_says_running_and_is_told_how_to_finish(unsaved, tmp_path):
    make_study(tmp_path, status="running")
    (tmp_path / "evaluation.json").unlink()
    text = page(tmp_path)
    assert "This run is not finished: it was running" in text
    assert "digitlab study --resume demo" in text


STAGES = ("scan", "trials", "search", "history", "evaluation", "seeds")


@pytest.mark.parametrize("missing", STAGES)
@pytest.mark.parametrize("from_there_on", [True, False])
def test_a_study_renders_with_any_stage_missing(unsaved, tmp_path, missing, from_there_on):
    make_study(tmp_path, status="interrupted")
    gone = STAGES[STAGES.index(missing) :] if from_there_on else (missing,)
    gone = {*gone, *(("search",) if "trials" in gone else ())}  # whoever tells of a search has its trials
    folder = RunFolder(tmp_path)
    folder.update_record(**{key: None for key in ("scan", "search", "seeds") if key in gone})
    files = {"trials": ["trials.csv"], "history": ["history.csv"], "evaluation": ["evaluation.json", "predictions.npz"]}
    for name in (file for stage in gone for file in files.get(stage, ())):
        (tmp_path / name).unlink()
    text = page(tmp_path)
    assert "digitlab study --resume demo" in text
    assert ("Which learning rate?" in text) == ("scan" not in gone)
    assert ("The search" in text) == ("trials" not in gone)
    assert ("How sure is the choice?" in text) == ("search" not in gone)


def test_trials_without_finalists_are_drawn_and_no_winner_is_named(tmp_path):
    make_tune(tmp_path, search=None, status="interrupted")
    text = page(tmp_path)
    assert "no winner is named yet" in text
    assert figures(tmp_path) == {"trials"}


def test_a_train_run_has_no_section_of_what_it_did_not_do(unsaved, tmp_path):
    make_run(tmp_path, ("a", "b"))
    text = page(tmp_path)
    assert not any(title in text for title in ("Which learning rate?", "The search", "Beside the document"))
    assert "Learning curves" in text


def test_failed_trials_are_named_with_their_errors(unsaved, tmp_path):
    make_tune(tmp_path, [trial("b0-r0-00"), *(trial(f"failed-{i}", score=None) for i in range(13))])
    text = page(tmp_path)
    assert "failed-0 256-128 0.001 out of memory" in text
    assert "failed-9" in text
    assert "failed-10" not in text
    assert "And 3 more, in trials.csv." in text


def test_an_error_that_trials_csv_keeps_from_being_a_formula_is_shown_as_it_was(unsaved, tmp_path):
    make_tune(tmp_path, [trial("failed-0", score=None, error=csv_text("=1+1 is no width")), trial("b0-r0-00")])
    assert "failed-0 256-128 0.001 =1+1 is no width" in page(tmp_path)


def test_a_search_in_which_every_trial_failed_is_drawn(tmp_path):
    make_tune(tmp_path, [trial("lost", score=None)], search=None, status="interrupted")
    assert "lost" in page(tmp_path)


def test_a_search_without_a_trial_so_far_has_no_figure(tmp_path):
    make_tune(tmp_path, [], search=None, status="interrupted")
    assert "Every trial" not in page(tmp_path)


def test_what_else_the_space_varies_has_a_column(unsaved, tmp_path):
    make_tune(tmp_path, [trial("a", dropout=0.25), trial("b", dropout=0.5, score=0.9)])
    text = page(tmp_path)
    assert "learning rate dropout epochs" in text
    assert "a 256-128 0.001 0.25" in text


def test_a_table_of_trials_without_distortion_is_read_as_of_none(unsaved, tmp_path):
    rows = [trial("a", distortion=0.0), trial("b", distortion=1.5, score=0.9)]
    make_tune(tmp_path, rows)
    assert "learning rate distortion epochs" in page(tmp_path)
    table = (tmp_path / "trials.csv").read_text().splitlines()
    position = table[0].split(",").index("distortion")
    older = [",".join(cell for i, cell in enumerate(line.split(",")) if i != position) for line in table]
    (tmp_path / "trials.csv").write_text("\n".join(older))
    assert "distortion" not in page(tmp_path)


def test_three_hundred_trials_make_one_page_of_reasonable_size(tmp_path):
    rows = [
        trial(f"t{i}", "-".join([str(32 * (1 + i % 8))] * (1 + i % 3)), 0.9 + i / 4000, batch_size=32 * (1 + i % 2))
        for i in range(300)
    ]
    make_tune(tmp_path, rows)
    assert len(write_report(tmp_path).read_bytes()) < 1_000_000


NASTY = "<script>alert('1')</script> {{ 7*7 }} $\\nosuch$"


def test_everything_that_the_run_says_is_text(unsaved, tmp_path):
    winner = search()
    winner["choice"]["sentence"] = winner["space"]["<b>units</b>"] = [NASTY]
    winner["choice"]["sentence"] = NASTY
    make_study(tmp_path, (NASTY, "b"), name=NASTY, command=NASTY, status="interrupted", search=winner,
               scan=scan(sentence=NASTY))  # fmt: skip
    with (tmp_path / "trials.csv").open("a") as file:
        file.write(f'"{NASTY}",0,0,0,0,1,failed,32,0.1,32,0.0,0.0,0.0,0,2,,,,1.0,"{NASTY}"\n')
    html = write_report(tmp_path).read_text()
    read = parse(html)
    assert not {"script", "img"} & set(read.tags)
    assert "<b>units" not in html
    # The name thrice (title, head, hint), the class, both sentences, the space, the trial and its error.
    assert "".join(read.text).count(NASTY) >= 8


def test_losses_that_broke_down_are_drawn(tmp_path):
    make_scan(tmp_path)
    write_scan(tmp_path, [2.0] * 40 + [float("inf")] * 5 + [float("nan")] * 5)
    assert "range_test" in figures(write_report(tmp_path).parent)


def test_an_interrupted_study_without_scores_says_how_far_it_came(unsaved, tmp_path):
    make_scan(tmp_path, status="interrupted")
    stages = {"scan": {"status": "finished", "duration_s": 1.0}}
    RunFolder(tmp_path).update_record(command="study", stages=stages, document=None)
    assert "This run is not finished: it was interrupted after the stage scan." in page(tmp_path)


def test_the_searchs_configuration_may_hold_another(unsaved, tmp_path):
    make_tune(tmp_path, config={"max_epochs": 10, "base": {"hidden_units": [64, 32], "dropout": 0.5}})
    text = page(tmp_path)
    assert "base.hidden_units 64-32 base.dropout 0.5" in text
