"""A digit on a picture becomes 28x28 pixels as MNIST's own, whatever paper, light, polarity and size it had."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import digitlab
from digitlab.imaging.frame import frame_picture
from digitlab.imaging.lines import without_lines
from digitlab.imaging.morphology import closed, opened


def five(side=200, pen=14, ink=30, paper=230):
    """A 5 of straight strokes and an arc, dark on bright."""
    picture = np.full((side, side), paper, np.uint8)
    s = side / 200
    points = [np.int32([[130, 45], [75, 45], [72, 92]]) * s]
    cv2.polylines(picture, [np.int32(p) for p in points], False, ink, round(pen * s))
    cv2.ellipse(
        picture, (round(95 * s), round(122 * s)), (round(38 * s), round(35 * s)), 0, -110, 130, ink, round(pen * s)
    )
    return picture


def centre_of_mass(framed):
    y, x = np.mgrid[:28, :28]
    return (framed * x).sum() / framed.sum(), (framed * y).sum() / framed.sum()


def difference(a, b):
    """Mean distance of two framed digits' pixels, a share of full ink."""
    return np.abs(a.astype(float) - b).mean() / 255


def test_the_longer_side_is_twenty_pixels_and_the_centre_of_mass_in_the_middle():
    framed = frame_picture(five())
    rows, columns = (np.flatnonzero((framed > 64).any(axis=axis)) for axis in (1, 0))
    assert 19 <= rows[-1] - rows[0] + 1 <= 21
    assert columns[-1] - columns[0] < rows[-1] - rows[0]
    np.testing.assert_allclose(centre_of_mass(framed.astype(float)), (13.5, 13.5), atol=0.2)
    assert framed.max() == 255


@pytest.mark.parametrize(
    "picture",
    [
        255 - five(),  # the other polarity
        five(side=480),
        five(side=100),
        five(ink=150, paper=190),  # a hard pencil
        np.rot90(np.rot90(five(), 2), 2),
        np.pad(five(), ((60, 10), (10, 90)), constant_values=230),  # off the middle
        np.rint(five() * np.linspace(0.45, 1, 200)[None, :]).astype(np.uint8),  # in a shadow
    ],
)
def test_neither_polarity_nor_size_nor_light_nor_place_makes_another_digit_of_it(picture):
    assert difference(frame_picture(picture), frame_picture(five())) < 0.03


def test_ruled_lines_specks_and_a_neighbours_rest_are_no_part_of_it():
    picture = five()
    picture[186:192, 5:195] = 90  # a line under it
    picture[8:12, 150:154] = 40  # a speck
    picture[60:150, 196:] = 30  # what a neighbour left
    assert difference(frame_picture(picture), frame_picture(five())) < 0.02


def test_a_thin_pen_becomes_as_thick_as_mnists_thinnest_and_a_thick_one_stays():
    ink = {pen: (frame_picture(five(pen=pen)) > 127).sum() for pen in (2, 5, 14, 22)}
    assert ink[2] > 0.8 * ink[5]
    assert ink[5] < ink[14] < ink[22]


@pytest.mark.parametrize("picture", [np.full((50, 80), 200, np.uint8), np.zeros((28, 28), np.uint8)])
def test_blank_paper_gives_no_ink(picture):
    assert not frame_picture(picture).any()


@settings(max_examples=60)
@given(st.integers(4, 90), st.integers(4, 90), st.integers(0, 2**32 - 1), st.sampled_from(["grain", "bits", "flat"]))
def test_whatever_comes_a_frame_of_bytes_goes(height, width, seed, kind):
    rng = np.random.default_rng(seed)
    picture = {
        "grain": rng.integers(0, 256, (height, width)),
        "bits": 255 * rng.integers(0, 2, (height, width)),
        "flat": np.full((height, width), rng.integers(0, 256)),
    }[kind].astype(np.uint8)
    framed = frame_picture(picture)
    assert (framed.shape, framed.dtype) == ((28, 28), np.uint8)
    assert framed.max() in (0, 255)


@pytest.mark.real_data
def test_framing_costs_mnist_next_to_nothing(real_mnist):
    test = digitlab.load_dataset(real_mnist).test
    classifier = digitlab.load_classifier()
    enlarged = (cv2.resize(255 - image, (100, 100), interpolation=cv2.INTER_CUBIC) for image in test.images)
    framed = np.stack([frame_picture(picture) for picture in enlarged])
    own = np.mean(classifier.predict(test.images) == test.labels)
    assert np.mean(classifier.predict(framed) == test.labels) >= own - 0.0015


def test_ruled_lines_are_taken_out_and_the_bar_of_a_large_7_is_not():
    seven = np.zeros((300, 400), np.float32)
    cv2.polylines(seven, [np.int32([[70, 30], [310, 30], [180, 290]])], False, 1.0, 12)
    np.testing.assert_array_equal(without_lines(seven), seven)
    ruled = np.zeros((120, 400), np.float32)
    cv2.polylines(ruled, [np.int32([[180, 20], [220, 20], [195, 90]])], False, 1.0, 6)
    plain = ruled.copy()
    cv2.line(ruled, (0, 110), (399, 111), 1.0, 2)
    assert np.abs(without_lines(ruled) - plain).sum() < 0.02 * plain.sum()


@pytest.mark.parametrize(
    ("shape", "side"), [((1, 1), 3), ((40, 90), 7), ((90, 20), 33), ((5, 60), 61), ((64, 64), 151)]
)
def test_wide_morphology_is_opencvs_to_the_bit(shape, side):
    values = np.random.default_rng(side).uniform(0, 255, shape).astype(np.float32)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    np.testing.assert_array_equal(opened(values, side), cv2.morphologyEx(values, cv2.MORPH_OPEN, ellipse))
    np.testing.assert_array_equal(closed(values, side), cv2.morphologyEx(values, cv2.MORPH_CLOSE, ellipse))
