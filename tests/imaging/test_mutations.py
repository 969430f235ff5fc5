"""Damaged files of every format give a picture or a `PictureError`, and nothing else."""

import io

import numpy as np
import pytest
from PIL import Image

from digitlab.errors import PictureError
from digitlab.imaging.picture import open_in_colour, open_picture

MUTATIONS = 150
GREY = Image.fromarray(np.tile(np.arange(0, 240, 12, dtype=np.uint8), (20, 1)))
COLOUR = Image.merge("RGB", (GREY, GREY.rotate(90), GREY.rotate(180)))
CLEAR = COLOUR.copy()
CLEAR.putalpha(GREY)
DEEP = Image.fromarray(np.asarray(GREY).astype(np.uint16) * 200)
FLOATS = Image.fromarray(np.asarray(GREY).astype(np.float32))
PALETTE = COLOUR.quantize(16)


def saved(picture, kind, **options):
    file = io.BytesIO()
    if kind == "JPEG" or kind == "PNG":
        exif = Image.Exif()
        exif[0x0112] = 6
        exif[0x010E] = "a description"
        options["exif"] = exif
    picture.save(file, kind, **options)
    return file.getvalue()


FILES = {
    "PNG": [saved(COLOUR, "PNG"), saved(DEEP, "PNG"), saved(PALETTE, "PNG", transparency=3), saved(CLEAR, "PNG")],
    "APNG": [saved(GREY, "PNG", save_all=True, append_images=[GREY.rotate(90)])],
    "JPEG": [saved(COLOUR, "JPEG"), saved(COLOUR, "JPEG", progressive=True), saved(COLOUR.convert("CMYK"), "JPEG")],
    "MPO": [saved(COLOUR, "MPO", save_all=True, append_images=[GREY])],
    "GIF": [saved(PALETTE, "GIF", transparency=2), saved(PALETTE, "GIF", save_all=True, append_images=[GREY])],
    "BMP": [saved(COLOUR, "BMP"), saved(GREY, "BMP"), saved(PALETTE, "BMP")],
    "WEBP": [saved(COLOUR, "WEBP"), saved(CLEAR, "WEBP", lossless=True)],
    "TIFF": [
        *(saved(COLOUR, "TIFF", compression=kind) for kind in (None, "tiff_lzw", "jpeg", "tiff_adobe_deflate")),
        saved(FLOATS, "TIFF"),
        saved(GREY.convert("1"), "TIFF", compression="group4"),
        saved(GREY, "TIFF", save_all=True, append_images=[GREY]),
        saved(DEEP, "TIFF", tiffinfo={0x0112: 6}),
    ],
    "PPM": [saved(COLOUR, "PPM"), saved(DEEP, "PPM"), saved(FLOATS, "PPM"), b"P2 20 20 99\n" + b"7 " * 400],
}


def mutated(whole, rng):
    """A file with a few bytes changed, removed, repeated, or taken from elsewhere in it."""
    content = bytearray(whole)
    for _ in range(rng.integers(1, 5)):
        # Headers are at the beginning, and deserve most of it.
        reach = len(content) if rng.random() < 0.4 else min(len(content), 200)
        place, length = int(rng.integers(0, reach)), int(rng.integers(1, 9))
        kind = rng.integers(0, 5)
        if kind == 0:
            content[place] = int(rng.integers(0, 256))
        elif kind == 1:
            content[place] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            content[place : place + length] = rng.choice([b"\xff" * length, bytes(length), b""])
        elif kind == 3:
            other = int(rng.integers(0, len(content)))
            content[place : place + length] = content[other : other + length]
        else:
            del content[int(rng.integers(0, len(content))) + 1 :]
        if not content:
            break
    return bytes(content)


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_gives_a_picture_or_a_picture_error_of_two_lines(kind):
    rng = np.random.default_rng(len(kind))
    for number in range(MUTATIONS):
        content = mutated(FILES[kind][number % len(FILES[kind])], rng)
        opening = open_picture if number % 2 else open_in_colour
        try:
            opened = opening(content)
        except PictureError as error:
            assert error.message.isprintable(), error.message  # noqa: PT017 - most are read, some are refused
            assert error.hint.isprintable()  # noqa: PT017
        else:
            assert (opened.grey.dtype if number % 2 else opened.mode) in (np.uint8, "RGB")
