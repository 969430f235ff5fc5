"""Costs of decoding are read from a file's headers; what would cost too much is refused before it is decoded."""

import contextlib
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitlab.errors import PictureError
from digitlab.imaging.picture import open_picture

GREY = Image.fromarray(np.tile(np.arange(0, 240, 6, dtype=np.uint8), (40, 1)))


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(extra=b"", after=b""):
    header = struct.pack(">IIBBBBB", 40, 40, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x80" * 40) * 40)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) + after + chunk(b"IEND", b"")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg(extra):
    whole = saved(GREY, "JPEG")
    return whole[:2] + extra + whole[2:]


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def scans(count, size):
    """A progressive JPEG whose last scan is there this many times."""
    whole = saved(Image.new("L", size, 99), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * count + whole[-2:]


def gif(before=b"", frames=1):
    whole = saved(GREY, "GIF")
    start = whole.index(b"\x2c\0\0\0\0")
    return whole[:start] + before + whole[start:-1] * frames + b";"


def tiff(tags, content=b"", following=0):
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return head.ljust(300, b"\0") + content


TAGS = {256: (3, 1, 40), 257: (3, 1, 40), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1)}
STRIP = {**TAGS, 273: (4, 1, 300), 278: (3, 1, 40), 279: (4, 1, 1600)}


def tags_of(**changed):
    return [(number, *value) for number, value in {**STRIP, **{int(k[1:]): v for k, v in changed.items()}}.items()]


def bitmap(width, height, content):
    """A BMP with run-length coding."""
    head = struct.pack("<IHHI", 100, 0, 0, 54 + 1024)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + head + info + bytes(range(256)) * 4 + content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (png(chunk(b"IDAT", b"") * 70_000), "65,536 chunks"),
        (png(chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(2**20))) * 100), "MB of memory"),
        (png(after=chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**20))) * 100), "MB of memory"),
        (png(chunk(b"eXIf", bytes(2**20 + 1))), "1 MiB of EXIF data"),
        (jpeg(segment(0xFE, b"") * 2000), "1024 segments"),
        (jpeg(segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 20), "1 MiB of EXIF data"),
        (jpeg(segment(0xE5, bytes(65_000)) * 600), "32 MiB"),
        (jpeg(b"\xff" * 70_000), "junk between its segments"),
        (scans(200, (4000, 4000)), "fewer scans"),
        (gif(frames=3), "one picture, got 3 frames"),
        (gif(frames=2000), "one picture, got more than 100 frames"),
        (gif(before=bytes(1_000_001)), "1,000,000 blocks"),
        (gif(before=b"!\xfe" + b"\x01a" * 1_000_001 + b"\0"), "1,000,000 blocks"),
        (tiff(tags_of(t273=(4, 100_000, 300)), bytes(400_000)), "65,536 values"),
        (tiff([(number, 2, 4, 0) for number in range(2000)]), "1,024 tags"),
        (b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(4000), "1,024 tags"),
        (tiff(tags_of(t259=(3, 1, 8), t322=(4, 1, 2**17), t323=(4, 1, 2**17), t324=(4, 1, 300)), bytes(99)), "460 MB"),
        (tiff(tags_of(t259=(3, 1, 34925))), "got kind 34925"),  # LZMA
        (b"P2\n40 40\n255\n" + b"#\n" * 65 + b"1 " * 1600, "64 comments"),
        (b"P2\n2000 2000\n255\n1 ", "3,000,000 values"),
        (b"P6\n2000 2000\n254\n" + bytes(10), "3,000,000 values"),
        (b"P5 #" + b"a" * 5000 + b"\n40 40 255\n" + bytes(1600), "PPM header"),
        (bitmap(8000, 8000, b"\0\0" * 8000), "run-length coding"),
        (b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xfe\x3f\0\xfe\x3f\0", "24 million pixels"),
    ],
)
def test_what_would_cost_too_much_is_refused(content, said):
    with pytest.raises(PictureError) as caught:
        open_picture(content)
    assert said in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "content",
    [
        png(chunk(b"tEXt", b"Comment\0a picture") + chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1000)))),
        jpeg(segment(0xE5, bytes(65_000)) * 100),  # a depth map, say
        jpeg(b"") + b"\xff\xd8\xff\xda" * 10_000,  # what follows the picture does not count
        gif(before=b"!\xfe\x05hello\0"),
        tiff(tags_of(), bytes(1600)),
        tiff(tags_of(), bytes(1600), following=8),  # a chain that leads back to the picture itself
        tiff(tags_of(t34665=(4, 1, 1900)), bytes(1600) + struct.pack("<HHHII", 1, 37500, 5, 10**6, 0) + bytes(10**6)),
        b"P2 # a comment\n40 40\n255\n" + b"7 " * 1600,
        b"P6\n40 40\n254\n" + bytes(4800),
        bitmap(40, 40, (b"\x28\x07\0\0") * 40 + b"\0\1"),
    ],
)
def test_what_costs_little_is_read(content):
    assert open_picture(content).grey.shape == (40, 40)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"progressive": True, "subsampling": 0}])
def test_usual_progressive_jpegs_of_fifty_megapixels_are_read(options):
    picture = Image.new("RGB", (8192, 6144), (200, 180, 160))
    opened = open_picture(saved(picture, "JPEG", **options))
    assert (opened.width, opened.height) == (8192, 6144)


def test_arithmetic_coding_and_lossless_jpegs_are_refused():
    whole = saved(GREY, "JPEG")
    for marker in (b"\xff\xc3", b"\xff\xc9"):
        with pytest.raises(PictureError, match="another kind of JPEG"):
            open_picture(whole.replace(b"\xff\xc0", marker, 1))


def test_a_tiff_whose_pages_have_no_end_is_refused_for_its_pages():
    pages = b"".join(struct.pack("<HI", 0, 300 + 6 * number) for number in range(1, 200))
    with pytest.raises(PictureError, match="got more than 100 frames"):
        open_picture(tiff(tags_of(), pages, following=300))


def test_libtiff_writes_nothing_to_standard_error(capfd):
    with pytest.raises(PictureError):
        open_picture(tiff(tags_of(t259=(3, 1, 8)), b"no zlib stream" * 200))
    assert capfd.readouterr().err == ""


def test_the_hostile_inputs_beside_the_checkout_are_errors_of_the_picture_or_read():
    shared = Path(__file__).parents[3] / "shared"
    roots = [Path(root) for root in (os.environ.get("DIGITLAB_DATA"), shared) if root]
    folder = next((root / "cases" / "hostile" for root in roots if (root / "cases" / "hostile").is_dir()), shared)
    pictures = [*folder.glob("pic_*"), *folder.glob("*.eps"), *folder.glob("*.png"), *folder.glob("*.jpg")]
    if not pictures:
        pytest.skip(f"no hostile inputs at {folder}")
    read = []
    for path in pictures:
        with contextlib.suppress(PictureError):
            open_picture(path)
            read.append(path.name)
    assert len(read) <= 3  # the thin one, and two of 64 million pixels
