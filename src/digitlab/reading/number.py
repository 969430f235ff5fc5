"""`read_number`: rows of digits on a picture; digits that touch are cut apart where the networks like it best.

Cuts are proposed too many, every stretch between two of them is judged as a digit, and the best way through a row is
found by dynamic programming, as in LeCun, Bottou, Bengio, Haffner 1998 (Proceedings of the IEEE 86: 2278-2324).
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from digitlab.classifier import Classifier
from digitlab.imaging.decode import picture_name
from digitlab.imaging.frame import frame_ink
from digitlab.imaging.ink import Grey, find_ink
from digitlab.imaging.lines import without_lines, without_sides
from digitlab.imaging.picture import open_picture
from digitlab.reading.judge import THRESHOLD, Judge
from digitlab.reading.reading import Box, Line
from digitlab.reading.reading_errors import reading_picture
from digitlab.reading.rows import Row, find_rows
from digitlab.reading.segments import Segment, find_segments
from digitlab.reading.slant import Slant, upright
from digitlab.reading.work import Work

# The longer side of a picture of numbers, and the least of its shorter one, as it is looked at.
MOST_SIDE, LEAST_SIDE = 1200, 64
# What each digit of a row costs, in logarithms of probabilities, so that fewer are preferred; what a low one and
# each height of width over the usual cost besides.
COST, LOW_COST, WIDE_COST = 0.8, 1.5, 2.0
LOW, WIDE = 0.45, 1.1
# How much the probability of being a digit counts beside the class's.
DIGIT_WEIGHT = 0.5
LEAST_PROBABILITY = 1e-6, 1e-3


def read_number(picture: Any, classifier: Classifier | None = None, *, threshold: float = THRESHOLD) -> list[Line]:
    """Read the digits on a picture.

    Args:
        picture: A path, bytes, a Pillow image or a uint8 array, of any size; see `open_picture`.
        classifier: Names each digit; the shipped network by default.
        threshold: The least probability of being a digit that is believed.

    Returns:
        The rows, top to bottom, each left to right; none where the picture is blank.

    Raises:
        PictureError: The picture cannot be read, or has more digits than are read in about 2 s (some 2,000).
    """
    opened = open_picture(picture)
    judge = Judge(classifier, threshold)
    name = picture_name(picture)
    with reading_picture(name):
        scaled = _to_work_size(opened.grey)
        scale = scaled.shape[1] / opened.width
        ink, slant = upright(without_sides(without_lines(find_ink(scaled, crowded=True))))
        # All rows are cut before the first is judged, so that too many digits are refused at once.
        work = Work(name)
        found = [(row, *find_segments(row, work)) for row in find_rows(ink, work)]
        lines = [_read_row(*one, judge, slant, scale) for one in found]
    return [line for line in lines if line.digits]


def _to_work_size(grey: Grey) -> Grey:
    """The picture as it is looked at."""
    scale = min(MOST_SIDE / max(grey.shape), max(1.0, LEAST_SIDE / min(grey.shape)))
    if scale == 1:
        return grey
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, size, interpolation=method), dtype=np.uint8)


def _read_row(row: Row, segments: list[Segment], parts: int, judge: Judge, slant: Slant, scale: float) -> Line:
    if not segments:
        return Line(())
    framed = [frame_ink(slant.halfway_back(segment.piece.ink)) for segment in segments]
    of_classes, of_digit = judge.probabilities(np.stack(framed))
    costs = [_cost(*one, row.height) for one in zip(segments, of_classes.max(axis=1), of_digit, strict=True)]
    chosen = _cheapest_way(segments, costs, parts)
    return Line(
        tuple(
            judge.reading(framed[i], of_classes[i], float(of_digit[i]), _box(segments[i], slant, scale)) for i in chosen
        )
    )


def _cost(segment: Segment, of_class: float, of_digit: float, height: float) -> float:
    """How little a segment looks like one digit."""
    least_of_class, least_of_digit = LEAST_PROBABILITY
    cost = COST - math.log(max(of_class, least_of_class)) - DIGIT_WEIGHT * math.log(max(of_digit, least_of_digit))
    if segment.piece.height < LOW * height:
        cost += LOW_COST
    return cost + WIDE_COST * max(0.0, segment.piece.width / height - WIDE)


def _cheapest_way(segments: list[Segment], costs: list[float], parts: int) -> list[int]:
    """Which segments cover all parts of the row, each once, for the least cost together."""
    cheapest = [0.0] + [math.inf] * parts
    last: list[int | None] = [None] * (parts + 1)
    for index, (segment, cost) in enumerate(zip(segments, costs, strict=True)):
        whole = cheapest[segment.first] + cost
        if whole < cheapest[segment.last]:
            cheapest[segment.last], last[segment.last] = whole, index
    way: list[int] = []
    end = parts
    while end:
        before = last[end]
        if before is None:  # a part that is no segment's: nothing covers the row
            return []
        way.append(before)
        end = segments[before].first
    return way[::-1]


def _box(segment: Segment, slant: Slant, scale: float) -> Box:
    x, y, width, height = (round(length / scale) for length in slant.box(segment.piece))
    return max(0, x), y, max(1, width), max(1, height)
