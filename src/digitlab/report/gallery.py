"""The gallery of the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from digitlab.data.split import IMAGE_SIDE, Images
from digitlab.evaluation import Mistake
from digitlab.report.style import ACCENT, FAINT, drawable, new_figure

COLUMNS, ROWS = 8, 3
LONG_NAMES = 8
# Of a cell, in pixels of the pictures: room for the caption above and the probability below.
CELL_WIDTH, CELL_HEIGHT, TOP = 34, 41, 7


def draw_gallery(images: Images, mistakes: Sequence[Mistake], class_names: Sequence[str]) -> Figure:
    """The surest wrong answers: the picture, what it is, what it was taken for and how surely.

    All stand on one pair of axes: a pair for each would take matplotlib seconds to lay out.
    """
    shown = list(zip(images, mistakes, strict=False))[: COLUMNS * ROWS]
    rows = max(1, -(-len(shown) // COLUMNS))
    figure = new_figure(9.6, 9.6 / COLUMNS * CELL_HEIGHT / CELL_WIDTH * rows)
    axes = figure.subplots()
    axes.set_axis_off()
    sheet = np.zeros((rows * CELL_HEIGHT, COLUMNS * CELL_WIDTH), dtype=np.uint8)
    for position, (image, mistake) in enumerate(shown):
        row, column = divmod(position, COLUMNS)
        top, left = row * CELL_HEIGHT + TOP, column * CELL_WIDTH + (CELL_WIDTH - IMAGE_SIDE) // 2
        sheet[top : top + IMAGE_SIDE, left : left + IMAGE_SIDE] = image
        true, taken = drawable(class_names[mistake.true]), drawable(class_names[mistake.predicted])
        size = 6.5 if len(true) + len(taken) > LONG_NAMES else 10
        middle = left + IMAGE_SIDE / 2 - 0.5
        words: dict[str, Any] = {"ha": "center", "parse_math": False}
        axes.text(middle, top - 2, f"{true} → {taken}", fontsize=size, color=ACCENT, va="baseline", **words)
        sure = f"{100 * mistake.probability:.1f} % sure"
        axes.text(middle, top + IMAGE_SIDE + 0.5, sure, fontsize=7.5, color=FAINT, va="top", **words)
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    return figure
