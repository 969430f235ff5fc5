"""Digits that real people wrote, photographed, scanned and drew: the least that the shipped networks read of them.

The sets are not part of the project; without them these tests are skipped.
"""

import numpy as np
import pytest

import digitlab
from wild import cheque_boxes, find_wild, numbers, single_digits

FOLDER = find_wild()
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(FOLDER is None, reason="no folder wild in DIGITLAB_DATA nor in ../shared"),
]


def accuracy_of(wild_set):
    read = [digitlab.read_digit(picture).label for picture in wild_set.pictures]
    return np.mean([label == text for label, text in zip(read, wild_set.texts, strict=True)])


def texts_of(picture):
    """Each row's labels, whether or not they are called readable."""
    return ["".join(digit.label for digit in line.digits) for line in digitlab.read_number(picture)]


def test_single_digits_are_read_in_every_set():
    accuracies = {wild_set.name: accuracy_of(wild_set) for wild_set in single_digits(FOLDER)}
    assert min(accuracies.values()) >= 0.93, accuracies
    assert np.mean(list(accuracies.values())) >= 0.97, accuracies


def test_digits_of_cheques_are_read_in_their_boxes():
    assert accuracy_of(cheque_boxes(FOLDER)) >= 0.91


def test_whole_amounts_and_sheets_are_read():
    amounts, sheets, *_ = numbers(FOLDER)
    right = [
        max(texts_of(picture), key=len, default="") == text
        for picture, text in zip(amounts.pictures, amounts.texts, strict=True)
    ]
    assert np.mean(right) >= 0.45
    right = [texts_of(picture) == text.split("/") for picture, text in zip(sheets.pictures, sheets.texts, strict=True)]
    assert sum(right) >= 3
