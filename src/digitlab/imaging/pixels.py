"""`grey_pixels` and `colour_pixels`: a decoded picture as an array, upright and on paper.

A picture of 64 million pixels takes 256 MB in most of Pillow's modes. So everything is done in strips of rows, each
small enough for the processor's cache, and nothing of the picture's size is made but the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from digitlab.errors import DigitlabError

if TYPE_CHECKING:
    from PIL.Image import Image

Grey = npt.NDArray[np.uint8]
Colour = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8]

STRIP_PIXELS = 2**17
# The EXIF tag that says how the camera was held, and its values for pictures that lie on a side.
ORIENTATION, LYING = 0x0112, (5, 6, 7, 8)
# Transparent drawings whose own ink is brighter than this, on average, are put on black, others on white.
BRIGHT_INK = 170
OPAQUE = 255


def orientation_of(opened: Image) -> int:
    """Return how the camera was held, 1 to 8 as EXIF counts; 1 where the data do not say, or are damaged.

    Programs that edit photos leave damaged EXIF data behind. Browsers and viewers show such pictures as they lie.
    """
    try:
        value = opened.getexif().get(ORIENTATION, 1)
    except DigitlabError:
        raise
    except Exception:  # noqa: BLE001 - Pillow raises errors of a dozen kinds for damaged EXIF data
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def forget_exif(opened: Image) -> None:
    """Delete the EXIF data, by which Pillow would turn a TIFF itself, and hold all of it twice meanwhile."""
    exif = opened.getexif()
    for tag in list(exif):
        del exif[tag]


def grey_pixels(opened: Image, orientation: int) -> Grey:
    """Convert a picture to grey.

    Args:
        opened: A Pillow image of any mode.
        orientation: As EXIF counts, 1 to 8.

    Returns:
        uint8 [h, w], upright, 0 black to 255 white; transparent parts as paper.

    Raises:
        ValueError: Pillow cannot convert the mode, or a picture of floats has values that are no numbers.
    """
    opened.load()
    width, height = opened.im.size
    pixels = np.empty((width, height) if orientation in LYING else (height, width), np.uint8)
    lying = _as_it_lies(pixels, orientation)
    for top, strip in _strips_of_grey(opened):
        lying[top : top + len(strip)] = strip
    return pixels


def colour_pixels(opened: Image, orientation: int, factor: int = 1) -> Colour:
    """Convert a picture to colours.

    Args:
        opened: A Pillow image of any mode.
        orientation: As EXIF counts, 1 to 8.
        factor: Each square of this many pixels per side becomes one pixel, their mean. Defaults to 1.

    Returns:
        uint8 [h, w, 3], upright, red, green and blue; transparent parts as paper.

    Raises:
        ValueError: As of `grey_pixels`.
    """
    opened.load()
    width, height = (-(-side // factor) for side in opened.im.size)
    pixels = np.empty((width, height, 3) if orientation in LYING else (height, width, 3), np.uint8)
    lying = _as_it_lies(pixels, orientation)
    for top, strip in _strips_of_colour(opened, factor):
        lying[top // factor : top // factor + len(strip)] = strip
    return pixels


def _as_it_lies(upright: Pixels, orientation: int) -> Pixels:
    """Return a view of upright pixels in which rows and columns are those of the picture as it was saved."""
    if orientation in LYING:
        upright = upright.swapaxes(0, 1)
    rows_from_end, columns_from_end = orientation in (3, 4, 6, 7), orientation in (2, 3, 7, 8)
    return upright[:: -1 if rows_from_end else 1, :: -1 if columns_from_end else 1]


def _strips(opened: Image, factor: int = 1) -> Iterator[tuple[int, Image]]:
    """Yield the first row of each strip and the strip, whose rows are a multiple of `factor` except at the end."""
    width, height = opened.im.size
    rows = max(1, STRIP_PIXELS // width // factor) * factor
    if rows >= height:
        yield 0, opened
        return
    for top in range(0, height, rows):
        yield top, opened.crop((0, top, width, min(top + rows, height)))


def _strips_of_grey(opened: Image) -> Iterator[tuple[int, Grey]]:
    if _is_deep(opened):
        yield from _strips_of_deep(opened)
        return
    paper = _paper(opened) if opened.has_transparency_data else None
    for top, strip in _strips(opened):
        yield top, np.asarray(_on_paper(strip, paper).convert("L"), dtype=np.uint8)


def _strips_of_colour(opened: Image, factor: int) -> Iterator[tuple[int, Colour]]:
    from PIL import Image

    if _is_deep(opened):
        low, high = _ends(opened)
        for top, strip in _strips(opened, factor):
            grey = Image.fromarray(_between(_values(strip), low, high)).convert("RGB")
            yield top, np.asarray(_reduced(grey, factor), dtype=np.uint8)
        return
    paper = _paper(opened) if opened.has_transparency_data else None
    for top, strip in _strips(opened, factor):
        yield top, np.asarray(_reduced(_on_paper(strip, paper).convert("RGB"), factor), dtype=np.uint8)


def _reduced(strip: Image, factor: int) -> Image:
    return strip if factor == 1 else strip.reduce(factor)


def _on_paper(strip: Image, paper: str | None) -> Image:
    """A strip of a drawing with its transparent parts as paper; one without any as it is."""
    from PIL import Image

    if paper is None:
        return strip
    drawing = strip.convert("RGBA")
    if drawing.getchannel("A").getextrema()[0] == OPAQUE:
        return drawing
    return Image.alpha_composite(Image.new("RGBA", drawing.size, paper), drawing)


def _paper(drawing: Image) -> str:
    """White, or black for bright ink; white where nothing is drawn."""
    ink = opacity = 0.0
    for _, strip in _strips(drawing):
        pixels = np.asarray(strip.convert("RGBA"), dtype=np.uint8).reshape(-1, 4).astype(np.float32)
        weights = pixels[:, 3]
        ink += float((weights @ pixels[:, :3]).sum()) / 3
        opacity += float(weights.sum(dtype=np.float64))
    return "black" if opacity > 0 and ink / opacity > BRIGHT_INK else "white"


def _is_deep(opened: Image) -> bool:
    """Whether pixels have more than 8 bits, of which nobody says where black and white lie."""
    return opened.mode.startswith(("I", "F"))


def _strips_of_deep(opened: Image) -> Iterator[tuple[int, Grey]]:
    """Strips between black, the picture's own lowest value, and white, its highest."""
    low, high = _ends(opened)
    for top, strip in _strips(opened):
        yield top, _between(_values(strip), low, high)


def _ends(opened: Image) -> tuple[float, float]:
    """The lowest and the highest value."""
    ends = np.array([(values.min(), values.max()) for values in (_values(strip) for _, strip in _strips(opened))])
    if not np.isfinite(ends).all():
        raise ValueError("a picture of floats with values that are no finite numbers")
    return float(ends[:, 0].min()), float(ends[:, 1].max())


def _values(strip: Image) -> npt.NDArray[Any]:
    return np.asarray(strip)


def _between(values: npt.NDArray[Any], low: float, high: float) -> Grey:
    spread = 255 * (values.astype(np.float64) - low) / max(high - low, 1e-12)
    return np.asarray(np.rint(spread), dtype=np.uint8)
