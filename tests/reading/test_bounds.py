"""Reading ends soon, whatever is on the picture: with digits, with none, or with an error that says what was found."""

import cv2
import numpy as np
import pytest
from PIL import Image

from digitlab.data import load_dataset
from digitlab.errors import PictureError
from digitlab.reading import annotate, read_digit, read_number
from digitlab.reading.cuts import find_cuts
from digitlab.reading.pieces import Piece
from digitlab.reading.rows import find_rows
from digitlab.reading.work import MOST_PIECES, MOST_SEGMENTS, Work


@pytest.fixture(scope="module")
def images():
    return load_dataset("sample").train.images


def page(images, rows, columns, side=24):
    """A page with a digit in every place of a table, dark on bright."""
    written = np.zeros((rows * (side + 14), columns * (side + 14)), np.uint8)
    for number in range(rows * columns):
        y, x = (place * (side + 14) + 7 for place in divmod(number, columns))
        written[y : y + side, x : x + side] = cv2.resize(images[number], (side, side), interpolation=cv2.INTER_AREA)
    return 255 - written


def test_five_hundred_digits_on_a_page_are_read(images):
    lines = read_number(page(images, 20, 25))
    assert len(lines) == 20
    assert sum(len(line.digits) for line in lines) == pytest.approx(500, rel=0.03)


def test_more_digits_than_are_read_in_time_are_refused_with_their_number():
    dense = np.full((1200, 1200), 250, np.uint8)
    for number in range(45 * 65):
        row, column = divmod(number, 65)
        cv2.putText(dense, str(number % 10), (column * 18 + 2, (row + 1) * 26 - 2), 0, 0.5, 0, 1)
    with pytest.raises(PictureError, match=r"the array: expected a picture with .* found [234],\d\d\d or more\nhint: "):
        read_number(dense)


def test_work_refuses_one_more_than_it_may():
    work = Work("a page")
    work.add_pieces(MOST_PIECES, 0)
    for _ in range(MOST_SEGMENTS):
        work.add_segment(1)
    with pytest.raises(PictureError, match=r"a page: .* found 4,001 or more\nhint: cut the picture"):
        work.add_segment(1)
    with pytest.raises(PictureError, match="found 50,001 or more"):
        work.add_pieces(MOST_PIECES + 1, 0)
    with pytest.raises(PictureError, match="across one another"):
        work.add_pieces(1, 10**9)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.02])
@pytest.mark.parametrize("side", [300, 1200])
def test_noise_is_read_as_something_or_refused(share, side):
    noise = np.where(np.random.default_rng(side).random((side, side)) < share, 0, 255).astype(np.uint8)
    try:
        lines = read_number(noise)
    except PictureError as error:
        assert "found" in error.message  # noqa: PT017 - either is right
    else:
        assert sum(len(line.digits) for line in lines) < 4000


@pytest.mark.parametrize("shape", [(4, 20_000), (20_000, 4), (4, 4), (5, 3000), (900, 7), (4, 1201), (16, 20_000)])
@pytest.mark.parametrize("kind", ["noise", "paper", "stroke"])
def test_thin_pictures_are_read(shape, kind):
    picture = np.full(shape, 240, np.uint8)
    if kind == "noise":
        picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    elif kind == "stroke":
        picture[shape[0] // 4 : -(shape[0] // 4), shape[1] // 3 : shape[1] // 3 + max(1, shape[1] // 50)] = 10
    assert read_digit(picture).framed.shape == (28, 28)
    assert isinstance(read_number(picture), list)


def test_an_error_of_opencv_is_one_of_the_picture(monkeypatch):
    def failing(*_, **__):
        raise cv2.error("an assertion\nover two lines")

    monkeypatch.setattr("digitlab.reading.digit.frame_picture", failing)
    monkeypatch.setattr("digitlab.reading.number.find_ink", failing)
    for read in (read_digit, read_number):
        with pytest.raises(PictureError) as caught:
            read(np.zeros((40, 40), np.uint8))
        assert "the array" in caught.value.message
        assert "\n" not in caught.value.message


def test_a_low_piece_belongs_to_the_tall_one_that_it_shares_most_columns_with():
    ink = np.zeros((80, 120), np.float32)
    ink[20:70, 10:30] = ink[20:70, 60:90] = 1
    ink[8:14, 20:58] = 1  # above the gap: 10 columns with the left one
    (row,) = find_rows(ink)
    assert [(piece.x, piece.y, piece.width) for piece in row.pieces] == [(10, 8, 48), (60, 20, 30)]


def test_cuts_of_both_measures_keep_apart():
    rng = np.random.default_rng(0)
    ink = (rng.random((40, 600)) > 0.4).astype(np.float32)
    cuts = find_cuts(Piece(0, 0, ink), 40)
    assert len(cuts) > 20
    assert min(np.diff(cuts)) >= 4


def test_a_large_picture_is_annotated_at_a_part_of_its_size(tmp_path):
    picture = np.full((5000, 4000), 240, np.uint8)
    picture[1000:4000, 1900:2100] = 20
    lines = read_number(picture)
    annotate(picture, lines, tmp_path / "read.png")
    with Image.open(tmp_path / "read.png") as drawn:
        assert drawn.width == 2000
        assert drawn.height > 2500
        x, y, _, height = (length // 2 for length in lines[0].digits[0].box)
        box = np.asarray(drawn)[y : y + height, x - 6 : x + 6]
        assert (box == (199, 90, 0)).all(axis=2).any() or (box == (31, 95, 170)).all(axis=2).any()
