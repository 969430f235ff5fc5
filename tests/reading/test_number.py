"""Numbers on pictures: rows, touching digits, dots and dashes and lines between them, boxes."""

import cv2
import numpy as np
import pytest

from digitlab.data import load_dataset
from digitlab.errors import PictureError
from digitlab.reading import read_number
from digitlab.reading.cuts import find_cuts
from digitlab.reading.pieces import Piece, columns, find_pieces, join
from digitlab.reading.rows import find_rows


@pytest.fixture(scope="module")
def digits():
    """For each digit the picture of MNIST's that the shipped network is surest of among fifty, ink bright."""
    import digitlab

    sample = load_dataset("sample").train
    classifier = digitlab.load_classifier()
    chosen = []
    for label in range(10):
        images = sample.images[sample.labels == label][:50]
        chosen.append(images[classifier.predict_proba(images)[:, label].argmax()])
    return chosen


def inked(glyph):
    """The columns of a glyph that hold ink."""
    columns = np.flatnonzero(glyph.max(axis=0) > 60)
    return glyph[:, columns[0] : columns[-1] + 1]


def written(digits, text, gap=30, side=84, paper=235, ink=25):
    """The digits of a text side by side, dark on bright, over one another where `gap` is below 0; / starts a row."""
    rows = []
    for row in text.split("/"):
        glyphs = [inked(cv2.resize(digits[int(d)], (side, side), interpolation=cv2.INTER_CUBIC)) for d in row]
        line = np.zeros((side + 30, 20), np.uint8)
        for glyph in glyphs:
            before, line = line, np.zeros((side + 30, line.shape[1] + gap + glyph.shape[1]), np.uint8)
            line[:, : before.shape[1]] = before
            np.maximum(line[15:-15, -glyph.shape[1] :], glyph, out=line[15:-15, -glyph.shape[1] :])
        rows.append(line)
    width = max(row.shape[1] for row in rows) + 40
    page = np.concatenate([np.pad(row, ((10, 10), (20, width - row.shape[1] - 20))) for row in rows])
    return np.rint(paper - page / 255.0 * (paper - ink)).astype(np.uint8)


def texts(picture):
    return [line.text for line in read_number(picture)]


@pytest.mark.parametrize("text", ["7", "42", "1905", "8316/2047", "50/61/72"])
def test_rows_are_read_from_top_to_bottom_and_left_to_right(digits, text):
    assert texts(written(digits, text)) == text.split("/")


def test_the_polarity_does_not_matter(digits):
    assert texts(255 - written(digits, "1905")) == ["1905"]


def test_boxes_lie_around_the_digits_in_the_pictures_own_pixels(digits):
    picture = written(digits, "305")
    for scale in (1, 3):
        enlarged = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        (line,) = read_number(enlarged)
        inked = np.flatnonzero((enlarged < 128).any(axis=0))
        assert line.digits[0].box[0] == pytest.approx(inked[0], abs=3 * scale)
        last = line.digits[-1].box
        assert last[0] + last[2] == pytest.approx(inked[-1] + 1, abs=3 * scale)
        assert [d.box[0] for d in line.digits] == sorted(d.box[0] for d in line.digits)


def test_digits_that_touch_are_cut_apart(digits):
    touching = written(digits, "2630", gap=-6)
    assert len(find_pieces((255 - touching).astype(np.float32) / 255 - 0.2)) < 4  # they do touch
    assert texts(touching) == ["2630"]


def test_dots_dashes_ruled_lines_and_specks_are_no_digits(digits):
    picture = written(digits, "427")
    height, width = picture.shape
    noisy = np.pad(picture, ((0, 0), (0, 120)), constant_values=235)
    cv2.circle(noisy, (width + 10, height - 35), 5, 25, -1)  # a full stop
    cv2.line(noisy, (width + 40, height // 2), (width + 90, height // 2 - 2), 25, 5)  # a dash
    cv2.line(noisy, (0, height - 8), (width + 119, height - 9), 60, 2)  # a ruled line
    noisy[4:6, 4:6] = 25
    assert texts(noisy) == ["427"]


def test_a_blank_page_has_no_lines():
    assert read_number(np.full((90, 200), 220, np.uint8)) == []


def test_what_is_no_picture_is_an_error():
    with pytest.raises(PictureError):
        read_number(b"nothing")


def test_what_the_network_saw_is_part_of_every_digit(digits):
    (line,) = read_number(written(digits, "84"))
    for digit in line.digits:
        assert (digit.framed.shape, digit.framed.dtype) == ((28, 28), np.uint8)
        assert digit.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert digit.probability == pytest.approx(digit.probabilities.max())


def test_pieces_joined_and_cut_again_are_the_ink_they_were():
    ink = np.zeros((20, 30), np.float32)
    ink[5:15, 3:8] = 1
    ink[2:18, 20:26] = 0.8
    left, right = sorted(find_pieces(ink), key=lambda piece: piece.x)
    both = join([left, right])
    assert (both.x, both.y, both.width, both.height) == (3, 2, 23, 16)
    np.testing.assert_array_equal(both.ink, ink[2:18, 3:26])
    again = columns(both, 10, 23)
    assert (again.x, again.y, again.width, again.height) == (right.x, right.y, right.width, right.height)
    assert columns(both, 6, 10) is None


def test_two_discs_on_a_thread_are_cut_at_the_thread():
    ink = np.zeros((60, 130), np.uint8)
    cv2.circle(ink, (30, 30), 25, 1, -1)
    cv2.circle(ink, (100, 30), 25, 1, -1)
    cv2.line(ink, (30, 30), (100, 30), 1, 3)
    cuts = find_cuts(Piece(0, 0, ink.astype(np.float32)), 50)
    assert any(56 <= x <= 74 for x in cuts)


def test_a_detached_flag_belongs_to_its_digit_and_a_dot_to_none():
    ink = np.zeros((100, 200), np.float32)
    ink[20:80, 20:50] = 1
    ink[10:16, 30:60] = 1  # over it
    ink[70:78, 90:98] = 1  # a dot beside it
    ink[20:80, 140:170] = 1
    (row,) = find_rows(ink)
    assert [(p.x, p.y, p.width, p.height) for p in row.pieces] == [(20, 10, 40, 70), (140, 20, 30, 60)]


@pytest.mark.parametrize("slant", [-0.4, 0.5])
def test_slanted_writing_is_read_and_its_boxes_lie_on_the_picture_as_it_was(digits, slant):
    plain = written(digits, "8042")
    height, width = plain.shape
    matrix = np.array([[1, -slant, max(0, slant) * height], [0, 1, 0]], np.float32)
    slanted = cv2.warpAffine(plain, matrix, (width + int(abs(slant) * height), height), borderValue=235)
    (line,) = read_number(slanted)
    assert line.text == "8042"
    inked = np.flatnonzero((slanted < 128).any(axis=0))
    first, last = line.digits[0].box, line.digits[-1].box
    assert first[0] == pytest.approx(inked[0], abs=4)
    assert last[0] + last[2] == pytest.approx(inked[-1] + 1, abs=4)


def test_a_shadow_along_the_border_is_no_digit(digits):
    picture = np.pad(written(digits, "36"), ((0, 0), (0, 8)), constant_values=235)
    picture[20:90, -6:] = 30
    assert texts(picture) == ["36"]
