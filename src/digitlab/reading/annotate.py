"""`annotate`: a picture with what was read on it, and what the network saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitlab.errors import PictureError
from digitlab.imaging.picture import open_reduced
from digitlab.reading.reading import Line, Reading
from digitlab.runs import atomic_path

if TYPE_CHECKING:
    from PIL.Image import Image

# Blue for what was read, orange for what could not be; both are told apart by every eye.
READ, UNREADABLE = (31, 95, 170), (199, 90, 0)
PAPER, FAINT = (255, 255, 255), (90, 90, 90)
# Pictures with a shorter longer side are enlarged to it, so that the labels can be read.
LEAST_SIDE = 480
# Larger pictures are drawn on smaller, by a whole factor. PNG files of more pixels than the second number are
# compressed less: 12 million of a photo take 3.1 s otherwise, and 0.8 s so, for a tenth more bytes.
MOST_PIXELS, QUICK_PIXELS = 4096 * 3072, 4_000_000
# In the strip below the picture: what the network saw, so many to a row at least, and so many pixels a side at least.
IN_A_ROW, LEAST_SEEN = 16, 56
# That strip is no larger than this, however many digits there are.
MOST_STRIP_PIXELS = 8_000_000


def annotate(picture: Any, lines: Sequence[Line], path: Path) -> Path:
    """Draw each digit's box and label, below the picture what the network saw of each, and save it.

    A picture of more than 12.6 million pixels is drawn at a half or a third of its size.

    Args:
        picture: As it was read.
        lines: What was read on it.
        path: The file to write, in the format that its name ends in.

    Returns:
        `path`.

    Raises:
        PictureError: The picture cannot be read, or the name's ending is no picture format's.
        RunError: The file cannot be written.
    """
    kind = _format(path)
    drawn, scale = open_reduced(picture, MOST_PIXELS)
    if max(drawn.size) < LEAST_SIDE:
        scale = LEAST_SIDE / max(drawn.size)
        drawn = drawn.resize((max(1, round(drawn.width * scale)), max(1, round(drawn.height * scale))))
    digits = [digit for line in lines for digit in line.digits]
    for digit in digits:
        _draw_box(drawn, digit, scale)
    with atomic_path(path, clean_up=True) as temporary:
        whole = _with_strip(drawn, digits)
        options = {"compress_level": 1} if whole.width * whole.height > QUICK_PIXELS else {}
        whole.save(temporary, format=kind, **options)
    return path


def _format(path: Path) -> str:
    from PIL import Image

    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise PictureError(
            f"{path}: expected a name that ends in a picture format's suffix, got {path.suffix or 'none'}",
            hint="call it .png",
        )
    return kind


def _draw_box(drawn: Image, digit: Reading, scale: float) -> None:
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(drawn)
    x, y, width, height = (length * scale for length in digit.box)
    pen = max(2, round(min(height, max(drawn.size) / 4) / 40))
    draw.rectangle((x - pen, y - pen, x + width + pen, y + height + pen), outline=_colour(digit), width=pen)
    font = ImageFont.load_default(max(14, min(height, max(drawn.size) / 4) / 3))
    left, top, right, bottom = draw.textbbox((0, 0), _label(digit), font=font, anchor="lt")
    tag_width, tag_height = right - left + 3 * pen, bottom - top + 3 * pen
    # A tag on the box, inside the picture whatever the box.
    tag_x = min(max(0, x - pen), drawn.width - tag_width)
    tag_y = max(0, y - pen - tag_height)
    draw.rectangle((tag_x, tag_y, tag_x + tag_width, tag_y + tag_height), fill=_colour(digit))
    draw.text((tag_x + 1.5 * pen, tag_y + 1.5 * pen), _label(digit), fill=PAPER, font=font, anchor="lt")


def _with_strip(drawn: Image, digits: Sequence[Reading]) -> Image:
    """The picture and, below it, what the network saw of each digit with the label and its probability."""
    from PIL import Image, ImageDraw, ImageFont

    if not digits:
        return drawn
    # With its gap and its label a digit takes 5/3 of the square of this.
    seen = min(drawn.width // IN_A_ROW, int((MOST_STRIP_PIXELS * 3 / 5 / len(digits)) ** 0.5))
    seen = max(LEAST_SEEN, seen)
    gap, text = seen // 6, seen // 4
    in_a_row = max(1, (drawn.width - gap) // (seen + gap))
    high = seen + text + gap
    whole = Image.new("RGB", (drawn.width, drawn.height + -(-len(digits) // in_a_row) * high + gap), PAPER)
    whole.paste(drawn)
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(0.8 * text)
    for number, digit in enumerate(digits):
        row, column = divmod(number, in_a_row)
        x, y = gap + column * (seen + gap), drawn.height + gap + row * high
        whole.paste(Image.fromarray(digit.framed).resize((seen, seen), Image.Resampling.NEAREST), (x, y))
        draw.rectangle((x - 1, y - 1, x + seen, y + seen), outline=_colour(digit), width=max(2, gap // 5))
        below = f"{digit.label}  {100 * digit.probability:.0f} %" if digit.readable else _label(digit)
        draw.text((x + seen / 2, y + seen + text / 4), below, fill=FAINT, font=font, anchor="mt")
    return whole


def _label(digit: Reading) -> str:
    return digit.label if digit.readable else f"{digit.label}?"


def _colour(digit: Reading) -> tuple[int, int, int]:
    return READ if digit.readable else UNREADABLE
