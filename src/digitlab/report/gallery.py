"""The gallery of the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from digitlab.data.split import Images
from digitlab.evaluation import Mistake
from digitlab.report.style import ACCENT, FAINT, new_figure

COLUMNS, ROWS = 8, 3
LONG_NAMES = 8


def draw_gallery(images: Images, mistakes: Sequence[Mistake], class_names: Sequence[str]) -> Figure:
    """The surest wrong answers: the picture, what it is, what it was taken for and how surely."""
    shown = list(zip(images, mistakes, strict=False))[: COLUMNS * ROWS]
    rows = max(1, -(-len(shown) // COLUMNS))
    figure = new_figure(9.6, 1.62 * rows)
    # A list, since `flat` is an iterator and would be used up by the first loop.
    grid = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for axes in grid:
        axes.set_axis_off()
    for axes, (image, mistake) in zip(grid, shown, strict=False):
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
        _caption(axes, mistake, class_names)
    return figure


def _caption(axes: Axes, mistake: Mistake, class_names: Sequence[str]) -> None:
    true, taken = class_names[mistake.true], class_names[mistake.predicted]
    size = 6.5 if len(true) + len(taken) > LONG_NAMES else 10
    axes.set_title(f"{true} → {taken}", color=ACCENT, fontsize=size, loc="center", pad=3)
    words = f"{100 * mistake.probability:.1f} % sure"
    axes.text(0.5, -0.04, words, fontsize=7.5, color=FAINT, transform=axes.transAxes, ha="center", va="top")
