"""Drawings by a hand that is never the same: digits placed, leaned, shaken and drawn with many pens."""

import numpy as np

from drawing import placed


def drawing(index, width=960, height=540, seed=0):
    """One of countless drawings: its digit, and the pen's width and strokes in pixels."""
    rng = np.random.default_rng((seed, index))
    digit = str(index % 10)
    size = rng.uniform(0.2, 0.85) * height
    x, y = rng.uniform(0.02 * width, 0.98 * width - size), rng.uniform(0.02 * height, 0.98 * height - size)
    slant, tremble, pen = rng.uniform(-0.25, 0.5), rng.uniform(0, 0.02), rng.uniform(0.04, 0.16)
    strokes = [
        _by_hand(rng, np.array(stroke), y + size / 2, slant, tremble * size) for stroke in placed(digit, x, y, size)
    ]
    return digit, {"width": float(pen * size), "strokes": strokes}


def _by_hand(rng, stroke, middle, slant, reach):
    """A stroke that leans, its upper part to the right, and trembles more slowly than from point to point."""
    noise = rng.normal(0, reach, (len(stroke) + 4, 2))
    tremble = sum(noise[i : i + len(stroke)] for i in range(5)) / 5**0.5
    leaning = np.stack([slant * (middle - stroke[:, 1]), np.zeros(len(stroke))], axis=1)
    return (stroke + leaning + tremble).round(1).tolist()
