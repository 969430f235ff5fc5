"""Pictures that are no digits, made here: letters, scribbles, digits cut apart or run together, shapes, dirt.

Each is drawn in 112x112 pixels and framed as a digit would be, so that what is learnt is the shape and not the framing.
Letters that are a digit's shape (O, l, S, Z and the like) are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digitlab.data.split import Images, Split
from digitlab.imaging.frame import frame_ink
from digitlab.imaging.ink import Ink

SIDE = 112
LETTERS = "ACEFHJKLMNPRTUVWXYacdefhjkmnprtuvwxyÄÜßéñ&@#%?!+=*$€"
# DejaVu and STIX, which come with matplotlib: upright and slanted, with serifs and without.
FONTS = sorted((Path(mpl.get_data_path()) / "fonts" / "ttf").glob("[DS]*.ttf"))
Maker = Callable[[np.random.Generator, Split], Ink]


def not_digits(split: Split, count: int, seed: int = 0) -> Images:
    """`count` framed pictures that are no digits, uint8 [count, 28, 28]; the kinds in turn.

    Args:
        split: Digits to cut apart and to run together.
        count: How many.
        seed: Decides all of them.
    """
    return np.stack([framed for framed, _ in zip(_endless(split, seed), range(count), strict=False)])


def _endless(split: Split, seed: int) -> Iterator[Images]:
    rng = np.random.default_rng([seed, 5])
    number = 0
    while True:
        framed = frame_ink(_MAKERS[number % len(_MAKERS)](rng, split))
        if framed.any():
            number += 1
            yield framed


def _letter(rng: np.random.Generator, split: Split) -> Ink:
    """One letter or sign, or two side by side."""
    text = "".join(rng.choice(list(LETTERS), rng.integers(1, 3)))
    font = ImageFont.truetype(str(rng.choice(FONTS)), int(rng.integers(40, 80)))
    picture = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(picture).text((SIDE / 2, SIDE / 2), text, fill=255, font=font, anchor="mm")
    return np.asarray(picture.rotate(rng.uniform(-15, 15)), dtype=np.float32) / 255


def _scribble(rng: np.random.Generator, split: Split) -> Ink:
    """A line that goes to and fro, smooth or with corners."""
    points = np.cumsum(rng.normal(0, 22, (rng.integers(6, 16), 2)), axis=0)
    points = SIDE / 2 + points - points.mean(axis=0)
    if rng.random() < 0.6:
        steps = np.linspace(0, len(points) - 1, 200)
        points = np.stack([np.interp(steps, range(len(points)), axis) for axis in points.T], axis=1)
        points = cv2.GaussianBlur(points.astype(np.float32), (1, 25), 6)
    return _drawn([points], rng)


def _strokes(rng: np.random.Generator, split: Split) -> Ink:
    """Two to five straight strokes, or arcs, anywhere."""
    lines = []
    for _ in range(rng.integers(2, 6)):
        start, angle, bend = rng.uniform(15, SIDE - 15, 2), rng.uniform(0, 2 * np.pi), rng.uniform(-3, 3)
        way = np.linspace(0, 1, 30)
        direction = angle + bend * way
        lines.append(start + np.cumsum(np.stack([np.cos(direction), np.sin(direction)], axis=1), axis=0) * 2.2)
    return _drawn(lines, rng)


def _cut(rng: np.random.Generator, split: Split) -> Ink:
    """A part of a digit: what lies on one side of a straight cut through it."""
    digit = _any_digit(rng, split, but=1)  # half a 1 is a 1
    share = rng.uniform(0.35, 0.6)
    turned = np.rot90(digit, rng.integers(4))
    ink = np.flatnonzero(turned.any(axis=0))
    turned = turned.copy()
    turned[:, int(ink[0] + share * (ink[-1] - ink[0])) :] = 0
    return np.ascontiguousarray(turned)


def _joined(rng: np.random.Generator, split: Split) -> Ink:
    """Two digits, or one and a part of another, that touch."""
    left, right = (_cropped(_any_digit(rng, split)) for _ in range(2))
    right = right[:, : max(4, int(right.shape[1] * rng.choice([1.0, 1.0, 0.5])))]
    overlap = int(rng.integers(0, 12))
    both = np.zeros((SIDE, left.shape[1] + right.shape[1]), np.float32)
    for digit, x in ((left, 0), (right, max(0, left.shape[1] - overlap))):
        y = int(rng.integers(0, SIDE - digit.shape[0] + 1))
        space = both[y : y + digit.shape[0], x : x + digit.shape[1]]
        np.maximum(space, digit, out=space)
    return both


def _shape(rng: np.random.Generator, split: Split) -> Ink:
    """Something filled, plain or patterned, with holes or without, half of them the same on the left and right."""
    picture = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(rng.integers(1, 5)):
        corners = rng.integers(12, SIDE - 12, (rng.integers(3, 8), 2)).astype(np.int32)
        if rng.random() < 0.5:
            cv2.fillPoly(picture, [cv2.convexHull(corners)], 255)
        else:
            axes = tuple(int(length) for length in rng.integers(8, 40, 2))
            cv2.ellipse(picture, tuple(map(int, corners[0])), axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    if rng.random() < 0.5:
        picture = np.maximum(picture, picture[:, ::-1])
    if rng.random() < 0.2:
        picture = cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, np.ones((9, 9), np.uint8))
    return np.asarray(picture / 255 * _pattern(rng), dtype=np.float32)


def _silhouette(rng: np.random.Generator, split: Split) -> Ink:
    """Something filled that is the same on the left and right, as things are that are worn: an outline, a slit."""
    rows = np.arange(SIDE)
    knots = np.sort(rng.uniform(0, SIDE, rng.integers(2, 6)))
    half = np.interp(rows, np.concatenate([[0], knots, [SIDE]]), rng.uniform(8, 45, len(knots) + 2))
    if rng.random() < 0.5:
        half = np.where(rows < rng.uniform(0.2, 0.9) * SIDE, half, half * rng.uniform(0.4, 0.9))
    away = np.abs(rows - SIDE / 2)[None, :]
    filled = away < half[:, None]
    if rng.random() < 0.3:
        filled &= ~((away < rng.uniform(1, 6)) & (rows > rng.uniform(0.1, 0.6) * SIDE)[:, None])
    return np.asarray(filled * _pattern(rng), dtype=np.float32)


def _pattern(rng: np.random.Generator) -> Ink:
    """A shade for every pixel: slanted, striped or blotched light, from 0.1 to 1."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    angle = rng.uniform(0, np.pi)
    across = x * np.cos(angle) + y * np.sin(angle)
    waves = (
        across - across.mean(),
        np.sin(2 * np.pi * rng.uniform(2, 9) * across),
        _blotches(rng, rng.uniform(2, 10)) / 2,
    )
    return np.clip(rng.uniform(0.4, 1) + rng.uniform(0, 0.5) * waves[rng.integers(3)], 0.1, 1).astype(np.float32)


def _dirt(rng: np.random.Generator, split: Split) -> Ink:
    """Blotches and grain, as a shadow or a texture leaves them."""
    return np.clip((_blotches(rng, rng.uniform(1.5, 12)) - rng.uniform(0.5, 1.5)) / 1.5, 0, 1).astype(np.float32)


def _blotches(rng: np.random.Generator, size: float) -> Ink:
    """Smooth noise of mean 0 and deviation 1, its blotches some pixels wide."""
    grain = rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    blotches = cv2.GaussianBlur(grain, (0, 0), float(size))
    return np.asarray(blotches / blotches.std(), dtype=np.float32)


# In the order in which `not_digits` makes them.
KINDS = {
    "letters and signs": _letter,
    "scribbles": _scribble,
    "straight and bent strokes": _strokes,
    "parts of digits": _cut,
    "two digits, or one and a part": _joined,
    "filled shapes": _shape,
    "silhouettes": _silhouette,
    "dirt": _dirt,
}
_MAKERS: tuple[Maker, ...] = tuple(KINDS.values())


def _drawn(lines: list[np.ndarray], rng: np.random.Generator) -> Ink:
    picture = np.zeros((SIDE, SIDE), np.uint8)
    pen = int(rng.integers(4, 16))
    for points in lines:
        cv2.polylines(picture, [np.rint(points).astype(np.int32)], isClosed=False, color=255, thickness=pen)
    return cv2.GaussianBlur(picture, (0, 0), 1.5).astype(np.float32) / 255


def _any_digit(rng: np.random.Generator, split: Split, but: int | None = None) -> Ink:
    index = rng.integers(len(split))
    while split.labels[index] == but:
        index = rng.integers(len(split))
    image = split.images[index]
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255


def _cropped(ink: Ink) -> Ink:
    rows, columns = (np.flatnonzero((ink > 0.15).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
