"""One digit on a picture of it: which it is, and whether it is any."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import digitlab
from digitlab.data import load_dataset


def printed(text, size=120):
    picture = Image.new("L", (160, 160), 240)
    ImageDraw.Draw(picture).text((80, 80), text, fill=20, font=ImageFont.load_default(size), anchor="mm")
    return picture


@pytest.mark.parametrize("label", ["0", "2", "3", "5", "8"])
def test_a_printed_digit_is_read(label):
    reading = digitlab.read_digit(printed(label))
    assert (reading.label, reading.readable) == (label, True)


def test_handwritten_digits_are_read_and_called_readable():
    sample = load_dataset("sample").test
    chosen = np.arange(0, 1000, 10)
    readings = [digitlab.read_digit(255 - sample.images[index]) for index in chosen]
    right = [reading.label == str(sample.labels[i]) for reading, i in zip(readings, chosen, strict=True)]
    assert np.mean(right) >= 0.97
    assert np.mean([reading.readable for reading in readings]) >= 0.93


def test_blank_paper_letters_and_garments_are_mostly_called_unreadable():
    blank = digitlab.read_digit(np.full((60, 60), 230, np.uint8))
    assert not blank.readable
    assert blank.label in "0123456789"  # always given
    letters = [digitlab.read_digit(printed(letter)).readable for letter in "AEFHKMNRWXk&@#"]
    assert np.mean(letters) <= 0.2


def test_the_threshold_decides_what_is_readable():
    picture = printed("8")
    sure = digitlab.read_digit(picture).digit_probability
    assert digitlab.read_digit(picture, threshold=0.0).readable
    assert not digitlab.read_digit(picture, threshold=min(1.0, sure + 1e-6)).readable


def test_another_classifier_names_the_digit():
    class Fourteen:
        class_names = tuple("abcdefghijklmn")

        def predict_proba(self, images):
            return np.tile(np.eye(14, dtype=np.float32)[3], (len(images), 1))

    assert digitlab.read_digit(printed("5"), Fourteen()).label == "d"
