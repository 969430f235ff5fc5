"""The report: drawn from a run's own files, self-contained, and the same again for the same run."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from digitlab.errors import RunError
from digitlab.evaluation import evaluate_probabilities
from digitlab.report import write_report
from digitlab.runs import RunFolder

HISTORY = [
    {"epoch": e, "loss": 1 / e, "accuracy": 1 - 0.3 / e, "val_loss": loss, "val_accuracy": 0.8, "learning_rate": 1e-3,
     "duration_s": 0.5}
    for e, loss in enumerate((0.7, 0.5, 0.6), start=1)
]  # fmt: skip


def record(class_names, **changes):
    return {
        "format": 1,
        "version": "0.1.0",
        "name": "demo",
        "created": "2026-01-01T00:00:00+00:00",
        "status": "finished",
        "config": {"hidden_units": [256, 128], "learning_rate": 0.001},
        "dataset": {
            "name": "demo data", "fingerprint": "f" * 64, "class_names": list(class_names),
            "train": 54_000, "validation": 6_000, "test": 500, "note": "",
        },
        "versions": {"digitlab": "0.1.0"},
        "machine": {"cpu": "a processor", "cores": 2},
        "stages": {"train": {"status": "finished", "duration_s": 3.0}},
        "best_epoch": 2,
        "parameters": 235_146,
        "stopped": "val_loss had not fallen for 3 epochs",
        **changes,
    }  # fmt: skip


def make_run(path, class_names, **changes):
    """A run folder without any training: random answers, right more often than not."""
    rng = np.random.default_rng(0)
    k = len(class_names)
    labels = np.arange(500) % k
    probabilities = rng.dirichlet(np.ones(k) * 0.3, 500)
    probabilities[np.arange(500), labels] += 0.6
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    evaluation = evaluate_probabilities(labels.astype(np.uint8), probabilities, class_names=class_names)
    folder = RunFolder(path)
    folder.write_record(record(class_names, **changes))
    folder.write_history(HISTORY)
    content = {"validation": evaluation.to_dict(), "test": evaluation.to_dict()}
    (path / "evaluation.json").write_text(json.dumps(content))
    images = rng.integers(0, 256, (24, 28, 28), dtype=np.uint8)
    np.savez(path / "predictions.npz", validation_mistake_images=images, test_mistake_images=images)
    return evaluation


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    path = tmp_path_factory.mktemp("demo")
    evaluation = make_run(path, tuple("0123456789"))
    return path, evaluation, write_report(path).read_text()


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.outside, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.outside += [
            v for k, v in attrs if k in ("src", "href", "xlink:href", "action") and not v.startswith(("#", "data:"))
        ]

    def handle_data(self, data):
        self.text.append(data)


def parse(html):
    page = Page()
    page.feed(html)
    return page


def test_it_asks_for_nothing_outside_itself(demo):
    _, _, html = demo
    page = parse(html)
    assert page.outside == []
    assert not {"script", "link", "iframe", "img"} & set(page.tags)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_it_says_the_scores_with_their_interval(demo):
    _, evaluation, html = demo
    text = " ".join(" ".join(parse(html).text).split())
    low, high = evaluation.accuracy_interval
    assert f"{100 * evaluation.accuracy:.2f} %" in text
    assert f"{100 * low:.2f} % – {100 * high:.2f} %" in text
    assert f"{evaluation.loss:.4f}" in text
    assert "235,146" in text
    assert "54,000 to train on, 6,000 to validate on, 500 to test on" in text
    assert "lowest after epoch 2 (0.5000)" in text


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
    text = " ".join(" ".join(parse(write_report(tmp_path).read_text()).text).split())
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
