"""The report: drawn from a run's own files, self-contained, and the same again for the same run."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from synthetic import HISTORY, make_run, parse, record, text_of

from digitlab.errors import RunError
from digitlab.report import write_report
from digitlab.report.curves import chosen_epoch, read_curves
from digitlab.runs import RunFolder


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    path = tmp_path_factory.mktemp("demo")
    evaluation = make_run(path, tuple("0123456789"))
    return path, evaluation, write_report(path).read_text()


def test_it_asks_for_nothing_outside_itself(demo):
    _, _, html = demo
    page = parse(html)
    assert page.outside == []
    assert not {"script", "link", "iframe", "img"} & set(page.tags)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (1, "After 3 epochs the training loss is 0.3000, and 0.6000 on the images held out, which chose nothing."),
        (7, "After 3 epochs the training loss, the mean of 7 members, is 0.3000, and 0.6000 on the images held out"),
    ],
)
def test_where_no_epoch_was_chosen_none_is_said_to_be_the_best(members, words):
    config = {"patience": 0, "validation_fraction": 0.1, "members": members}
    assert chosen_epoch({"config": config, "best_epoch": 3}) is None
    rows = [{"epoch": e, "loss": 0.3, "accuracy": 0.9, "val_loss": 0.6, "val_accuracy": 0.8} for e in (1.0, 2.0, 3.0)]
    assert read_curves(rows, None, members).startswith(words)


def test_it_says_the_scores_with_their_interval(demo):
    _, evaluation, html = demo
    text = text_of(html)
    low, high = evaluation.accuracy_interval
    assert f"{100 * evaluation.accuracy:.2f} %" in text
    assert f"{100 * low:.2f} % – {100 * high:.2f} %" in text
    assert f"{evaluation.loss:.4f}" in text
    assert "235,146" in text
    assert "54,000 to train on, 6,000 to validate on, 500 to test on" in text
    assert "lowest after epoch 2 (0.5000)" in text


@pytest.mark.parametrize(
    ("trained_on", "sentence"),
    [
        (
            500,
            "Of the test images: all 500 of these images were in its training; the score says nothing about new ones.",
        ),
        (
            20,
            "Of the test images: 20 of these 500 images were in its training; for new ones the score may be too high.",
        ),
    ],
)
def test_it_says_where_test_images_were_in_the_training(tmp_path, trained_on, sentence):
    evaluation = make_run(tmp_path, tuple("0123456789"))
    scores = {"validation": None, "test": {**evaluation.to_dict(), "trained_on": trained_on}}
    (tmp_path / "evaluation.json").write_text(json.dumps(scores))
    text = text_of(write_report(tmp_path).read_text())
    assert sentence in text
    assert f"of which {trained_on} were in its training" in text
    assert "95 % interval –" in text
    assert "19 in 20" not in text


def test_an_evaluation_of_an_earlier_version_says_nothing_about_the_training(tmp_path):
    evaluation = make_run(tmp_path, tuple("0123456789"))
    older = {key: value for key, value in evaluation.to_dict().items() if key != "trained_on"}
    (tmp_path / "evaluation.json").write_text(json.dumps({"validation": None, "test": older}))
    assert "in its training" not in text_of(write_report(tmp_path).read_text())


def test_every_figure_is_a_png_and_an_svg_of_its_own(demo):
    path, *_ = demo
    names = {"learning_curves", "confusion_validation", "confusion_test", "calibration", "risk_coverage", "mistakes"}
    files = {p.name for p in (path / "figures").iterdir()}
    assert files == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    for file in (path / "figures").glob("*.png"):
        with Image.open(file) as picture:
            grey = np.asarray(picture.convert("L"))
        assert min(grey.shape) > 300
        assert grey.std() > 5, f"{file.name} is blank"


def test_where_nothing_was_held_out_it_says_so_and_speaks_of_no_gap(tmp_path):
    make_run(tmp_path, ("a", "b"))
    folder = RunFolder(tmp_path)
    folder.update_record(dataset={**folder.read_record()["dataset"], "validation": 0})
    text = text_of(write_report(tmp_path).read_text())
    assert "54,000 to train on, none to validate on" in text
    assert "overfitting" not in text


def test_a_hundred_forms_of_one_image_are_drawn_behind_it(tmp_path):
    make_run(tmp_path, ("a", "b"))
    forms = np.zeros((100, 28, 28), np.uint8)
    forms[::2] = 255  # in rows of 17 with the original first: dark in odd places
    np.savez(tmp_path / "distorted.npz", original=np.zeros((28, 28), np.uint8), distorted=forms)
    assert "As other hands might have written it" in text_of(write_report(tmp_path).read_text())
    with Image.open(tmp_path / "figures" / "distorted.png") as picture:
        grey = np.asarray(picture.convert("L")).astype(float)
    height, width = (side / count for side, count in zip(grey.shape, (6, 17), strict=True))
    places = range(2, 101)
    middles = [grey[int((p // 17 + 0.5) * height), int((p % 17 + 0.5) * width)] for p in places]
    assert all((middle < 128) == (place % 2 == 1) for place, middle in zip(places, middles, strict=True))


def test_the_gallery_shows_the_mistakes_own_pixels(tmp_path):
    make_run(tmp_path, ("a", "b"))
    with np.load(tmp_path / "predictions.npz") as archive:
        arrays = dict(archive)
    arrays["test_mistake_images"] = np.full((24, 28, 28), 255, np.uint8)
    np.savez(tmp_path / "predictions.npz", **arrays)
    write_report(tmp_path)
    with Image.open(tmp_path / "figures" / "mistakes.png") as picture:
        dark = (np.asarray(picture.convert("L")) < 10).mean()
    # 28 of a cell's 34 columns and 28 of its 41 rows are picture: more than half, borders aside.
    assert 0.4 < dark < 28 / 34 * 28 / 41 + 0.02


def test_the_same_run_gives_the_same_bytes_again(demo):
    path, _, html = demo
    before = {p.name: p.read_bytes() for p in (path / "figures").iterdir()}
    assert write_report(path).read_text() == html
    assert {p.name: p.read_bytes() for p in (path / "figures").iterdir()} == before


NASTY = ("<script>alert(1)</script>", '$\\alpha$ & "co"', "$\\nosuch$", "{{ 7*7 }}")


def test_class_names_and_data_names_are_text_whatever_they_hold(tmp_path):
    make_run(tmp_path, NASTY, name="<img src=x onerror=alert(1)>")
    html = write_report(tmp_path).read_text()
    page = parse(html)
    assert not {"script", "img"} & set(page.tags)
    text = "".join(page.text)
    for name in NASTY:
        assert name in text


@pytest.mark.parametrize("count", [2, 100])
def test_few_and_many_classes_are_drawn(tmp_path, count):
    make_run(tmp_path, tuple(f"class {i}" for i in range(count)))
    write_report(tmp_path)
    with Image.open(tmp_path / "figures" / "confusion_test.png") as picture:
        assert max(picture.size) < 3000


def test_a_run_that_was_interrupted_gets_a_report_of_its_epochs(tmp_path):
    folder = RunFolder(tmp_path)
    changes = {"status": "interrupted"}
    whole = record(("a", "b"), **changes)
    for key in ("best_epoch", "parameters", "stopped"):
        del whole[key]
    folder.write_record(whole)
    folder.write_history(HISTORY)
    text = text_of(write_report(tmp_path).read_text())
    assert "interrupted after 3 epochs" in text
    assert "digitlab train --resume demo" in text


def test_a_note_on_the_data_stands_at_the_head(tmp_path):
    make_run(tmp_path, ("a", "b"))
    folder = RunFolder(tmp_path)
    dataset = {**folder.read_record()["dataset"], "note": "only a sample"}
    folder.update_record(dataset=dataset)
    html = write_report(tmp_path).read_text()
    assert html.index("only a sample") < html.index("<section>")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("evaluation.json", b"{"),
        ("evaluation.json", b'{"test": {"n": 1}}'),
        ("evaluation.json", b"[]"),
        ("predictions.npz", b"PK\x03\x04rubbish"),
        ("predictions.npz", b""),
        ("distorted.npz", b"PK\x03\x04rubbish"),
        ("history.csv", b"epoch,loss\nx,y\n"),
        ("run.json", b'{"format": 1}'),
    ],
)
def test_a_damaged_file_is_named_in_two_lines_and_the_old_report_stays(demo, tmp_path, name, content):
    make_run(tmp_path, ("a", "b"))
    (tmp_path / "report.html").write_text("old")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match=re.escape(name)) as caught:
        write_report(tmp_path)
    assert len(str(caught.value).splitlines()) == 2
    assert (tmp_path / "report.html").read_text() == "old"
