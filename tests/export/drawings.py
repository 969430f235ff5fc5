"""Drawings by a hand that is never the same: digits as strokes, placed, leaned, shaken and drawn with many pens."""

import math

import numpy as np


def arc(x, y, rx, ry, start, end, steps=24):
    """Points along an ellipse; angles in degrees, 0 to the right, 90 down."""
    angles = np.radians(np.linspace(start, end, steps + 1))
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def line(*points, steps=10):
    """Points along straight lines."""
    dense = [
        ((1 - t) * a[0] + t * b[0], (1 - t) * a[1] + t * b[1])
        for a, b in zip(points, points[1:], strict=False)
        for t in np.arange(steps) / steps
    ]
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


def placed(digit, x, y, size, slant=0.0):
    """The strokes of a digit in a square of pixels, its upper part to the right by `slant` of its height."""
    return [[(x + size * (px + slant * (0.5 - py)), y + size * py) for px, py in stroke] for stroke in STROKES[digit]]


def drawing(index, width=960, height=540, seed=0):
    """One of countless drawings: its digit, the pen's width, and the strokes in pixels."""
    rng = np.random.default_rng((seed, index))
    digit = str(index % 10)
    size = rng.uniform(0.2, 0.85) * height
    x, y = rng.uniform(0.02 * width, 0.98 * width - size), rng.uniform(0.02 * height, 0.98 * height - size)
    strokes = placed(digit, x, y, size, rng.uniform(-0.25, 0.5))
    shaken = [_shaken(rng, stroke, rng.uniform(0, 0.02) * size) for stroke in strokes]
    return digit, {"width": round(float(rng.uniform(0.04, 0.16) * size), 1), "strokes": shaken}


def _shaken(rng, stroke, reach):
    """A hand's tremble: slower than from point to point."""
    noise = rng.normal(0, reach, (len(stroke) + 4, 2))
    smooth = sum(noise[i : i + len(stroke)] for i in range(5)) / 5**0.5
    return (np.array(stroke) + smooth).round(1).tolist()
