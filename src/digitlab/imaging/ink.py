"""`find_ink`: where a picture has ink, whatever its paper, light and polarity. OpenCV does the filtering."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from digitlab.imaging.morphology import closed, opened

Ink = npt.NDArray[np.float32]
Grey = npt.NDArray[np.uint8]

# Up to so many pixels a side a picture is a drawing or a bitmap: its paper has one shade.
FLAT_SIDE = 60
# Paper is what remains of a picture when everything narrower than this share of its longer side is taken away.
PAPER = 1 / 3
# Where there are many digits, of its shorter side.
CROWDED_PAPER = 1 / 4
# No stroke of many digits is as wide as this share of it; shadows are wider.
CROWDED_STROKE = 1 / 8
# Grain finer than this share of the longer side, of the shorter in a crowd, and than so many pixels, is smoothed.
GRAIN, LEAST_GRAIN = 1 / 160, 0.4
# The filter that finds the paper is so many pixels wide at least.
LEAST_FILTER = 9
# A percentile is one of so many shades from 0 to 256.
SHADES = 1024
# The border's shade, from the picture's darkest 0 to its brightest 1, that settles the polarity by itself.
SURELY_DARK, SURELY_BRIGHT = 0.25, 0.65
# Between them ink is darker than paper, unless what is brighter stands out so many times as much.
BRIGHTER = 1.5
# Of Otsu's threshold: from where there is some ink, and from where there is nothing but ink.
SOME_INK, ALL_INK = 0.6, 1.6


def find_ink(grey: Grey, *, crowded: bool = False) -> Ink:
    """How much ink lies on each pixel.

    Args:
        grey: uint8 [h, w], dark on bright or bright on dark.
        crowded: Whether there may be many digits, so that a stroke is thin beside the picture's shorter side; else
            there is one, and it may fill the picture.

    Returns:
        float32 [h, w], 0 paper to 1 ink, with soft edges.
    """
    values = grey.astype(np.float32)
    flat = max(grey.shape) <= FLAT_SIDE
    if not flat:
        grain = max(LEAST_GRAIN, GRAIN * (min(grey.shape) if crowded else max(grey.shape)))
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), grain), dtype=np.float32)
    stroke = CROWDED_STROKE * min(grey.shape) if crowded else PAPER * max(grey.shape)
    bright_ink = 255 - values if _is_dark_on_bright(values, stroke) else values
    side = CROWDED_PAPER * min(grey.shape) if crowded else PAPER * max(grey.shape)
    over_paper = _over_flat_paper(bright_ink) if flat else _over_paper(bright_ink, side)
    top = float(over_paper.max() if flat else _percentile(over_paper, 99.5))
    if top <= 0:
        return np.zeros(grey.shape, np.float32)
    return _softly_cut(np.clip(over_paper / top, 0, 1))


def _is_dark_on_bright(values: Ink, stroke: float) -> bool:
    """Whether what is narrower than `stroke` is darker than what is around it."""
    low, high = _percentile(values, 0.5), _percentile(values, 99.5)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    shade = (float(np.sort(border)[len(border) // 2]) - low) / max(high - low, 1)
    if not SURELY_DARK <= shade <= SURELY_BRIGHT:
        return bool(shade > SURELY_BRIGHT)
    darker = _percentile(closed(values, _odd(stroke)) - values, 99)
    brighter = _percentile(values - opened(values, _odd(stroke)), 99)
    return bool(darker >= brighter / BRIGHTER)


def _over_flat_paper(bright_ink: Ink) -> Ink:
    return np.asarray(np.clip(bright_ink - _percentile(bright_ink, 10), 0, None), dtype=np.float32)


def _over_paper(bright_ink: Ink, side: float) -> Ink:
    """How far each pixel rises above its paper, which is what no stroke narrower than `side` is seen on."""
    # As small as leaves the filter some pixels, since paper changes slowly and a wide filter is dear.
    height, width = bright_ink.shape
    smaller = max(1, min(8, int(side / LEAST_FILTER)))
    small = cv2.resize(bright_ink, (max(1, width // smaller), max(1, height // smaller)), interpolation=cv2.INTER_AREA)
    side /= smaller
    paper = cv2.GaussianBlur(cv2.morphologyEx(small, cv2.MORPH_OPEN, _ellipse(side)), (0, 0), side / 4)
    raised = np.clip(bright_ink - cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR), 0, None)
    return np.asarray(np.clip(raised - _percentile(raised, 30), 0, None), dtype=np.float32)


def _percentile(values: Ink, percent: float) -> float:
    """By a histogram of shades: NumPy's selection is slow where most values are the same, and imports more."""
    counts = cv2.calcHist([values], [0], None, [SHADES], [0, 256]).ravel().cumsum()
    return float(np.searchsorted(counts, percent / 100 * counts[-1])) * 256 / SHADES


def _softly_cut(raised: Ink) -> Ink:
    threshold, _ = cv2.threshold(np.rint(255 * raised).astype(np.uint8), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    low = SOME_INK * threshold / 255
    soft = np.clip((raised - low) / max(0.2, ALL_INK * threshold / 255 - low), 0, 1)
    return np.asarray(soft, dtype=np.float32)


def _ellipse(side: float) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_odd(side), _odd(side))), dtype=np.uint8)


def _odd(side: float) -> int:
    return max(3, round(side)) | 1
