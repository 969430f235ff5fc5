"""Digits as strokes that a hand would draw, each in a square from 0 to 1."""

import itertools
import math


def arc(x, y, rx, ry, start, end, steps=24):
    """Points along an ellipse; angles in degrees, 0 to the right, 90 down."""
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def line(*points, steps=10):
    """Points along straight lines."""
    dense = []
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        dense += [(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(steps)]
    return [*dense, points[-1]]


STROKES = {
    "0": [arc(0.5, 0.5, 0.27, 0.42, -100, 265, 40)],
    "1": [line((0.52, 0.08), (0.47, 0.92))],
    "2": [[*arc(0.48, 0.3, 0.26, 0.22, -170, 30), *line((0.66, 0.44), (0.24, 0.9), (0.78, 0.9))]],
    "3": [[*arc(0.46, 0.29, 0.24, 0.2, -160, 85), *arc(0.46, 0.69, 0.28, 0.22, -85, 155)]],
    "4": [line((0.36, 0.08), (0.22, 0.55), (0.8, 0.55)), line((0.64, 0.1), (0.6, 0.94))],
    "5": [[*line((0.7, 0.1), (0.34, 0.1), (0.31, 0.46)), *arc(0.46, 0.66, 0.26, 0.24, -120, 150)]],
    "6": [[*arc(0.75, 0.55, 0.46, 0.5, -100, -180), *arc(0.5, 0.68, 0.22, 0.22, -180, 190, 36)]],
    "7": [line((0.2, 0.12), (0.78, 0.12), (0.42, 0.92))],
    "8": [[*arc(0.5, 0.29, 0.2, 0.19, 60, -250, 36), *arc(0.5, 0.7, 0.24, 0.22, -110, 250, 40)]],
    "9": [[*arc(0.5, 0.32, 0.22, 0.22, -10, -350, 36), *line((0.72, 0.34), (0.68, 0.6), (0.6, 0.92))]],
}


def placed(digit, x, y, size):
    """The strokes of a digit in a box of pixels."""
    return [[(x + size * px, y + size * py) for px, py in stroke] for stroke in STROKES[digit]]
