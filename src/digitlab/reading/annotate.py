"""`annotate`: a picture with what was read on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digitlab.imaging.picture import open_picture
from digitlab.reading.reading import Line
from digitlab.runs import atomic_path

# Blue for what was read, orange for what could not be; both are told apart by every eye.
READ, UNREADABLE = (47, 111, 178), (217, 119, 6)


def annotate(picture: Any, lines: Sequence[Line], path: Path) -> Path:
    """Draw each digit's box and label, and save the picture.

    Args:
        picture: As it was read.
        lines: What was read on it.
        path: The file to write, in the format that its name ends in.

    Returns:
        `path`.

    Raises:
        PictureError: The picture cannot be read.
        RunError: The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    drawn = Image.fromarray(open_picture(picture)).convert("RGB")
    draw = ImageDraw.Draw(drawn)
    for digit in (digit for line in lines for digit in line.digits):
        x, y, width, height = digit.box
        colour = READ if digit.readable else UNREADABLE
        pen = max(1, round(height / 40))
        draw.rectangle((x, y, x + width, y + height), outline=colour, width=pen)
        font = ImageFont.load_default(max(10, height / 3))
        label = digit.label if digit.readable else f"{digit.label}?"
        draw.text((x + pen, max(0, y - pen)), label, fill=colour, font=font, anchor="ls")
    with atomic_path(path) as temporary:
        drawn.save(temporary, format=Image.registered_extensions().get(path.suffix.lower(), "PNG"))
    return path
