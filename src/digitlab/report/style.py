"""How every figure looks, and how it is written: the same run, the same bytes."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from digitlab.report.words import printable
from digitlab.runs import write_bytes

INK, FAINT, GRID = "#1f2430", "#6b7280", "#e5e7eb"
TRAINING, VALIDATION, ACCENT = "#2f6fb2", "#d9622b", "#b3261e"

ERRORS = LinearSegmentedColormap.from_list("errors", ["#fdf3ec", "#f6b48c", "#d9622b", "#8f2d0c"])
# From the worst score to the best, and from the lowest learning rate to the highest.
SCORES = LinearSegmentedColormap.from_list("scores", ["#c3c8d1", "#8fb3d9", "#2f6fb2", "#12305a"])
RATES = LinearSegmentedColormap.from_list("rates", ["#3a9c8f", "#2f6fb2", "#7d4aa5", "#d9622b"])
PNG_DPI = 150
LONGEST_NAME = 40

_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "legend.frameon": False,
    # Text as text would look different on every machine; as paths it looks as it was drawn.
    "svg.fonttype": "path",
    # Identifiers inside an SVG are random unless salted.
    "svg.hashsalt": "digitlab",
}


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Draw in digitlab's style, whatever the user's own settings of matplotlib are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)  # type: ignore[arg-type]
        yield


def drawable(text: str) -> str:
    """A name as a figure can show it: one line of at most 40 characters, of those that the font has."""
    known = get_font(findfont("DejaVu Sans")).get_charmap()
    line = printable(" ".join(text.split()))
    shown = "".join(character if ord(character) in known else "\ufffd" for character in line[: LONGEST_NAME + 1])
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1]}…"


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own, in inches, that no global list keeps alive."""
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, folder: Path, name: str) -> str:
    """Write ``NAME.svg`` and ``NAME.png``; gives the SVG's text for embedding."""
    # Laid out once for both: the layout takes as long as the drawing. "none" instead of None would leave a placeholder
    # for the layout, and `savefig` draws a figure that has one twice.
    figure.draw_without_rendering()
    figure.set_layout_engine(None)
    svg, png = io.BytesIO(), io.BytesIO()
    FigureCanvasSVG(figure)
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    FigureCanvasAgg(figure)
    figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
    write_bytes(folder / f"{name}.svg", svg.getvalue())
    write_bytes(folder / f"{name}.png", png.getvalue())
    return svg.getvalue().decode()
