"""Pictures as people have them become grey pixels, or an error that says what came."""

import contextlib
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import digitlab
from digitlab.errors import PictureError
from digitlab.imaging.picture import open_in_colour, open_picture

RAMP = np.tile(np.arange(0, 250, 10, dtype=np.uint8), (20, 1))  # 20 rows of 25, brighter to the right


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM"])
def test_the_same_pixels_come_from_path_bytes_image_and_array(kind, tmp_path):
    picture = Image.fromarray(RAMP)
    content = saved(picture, kind, **({"lossless": True} if kind == "WEBP" else {}))
    (tmp_path / "picture").write_bytes(content)
    for source in (tmp_path / "picture", str(tmp_path / "picture"), content, picture, RAMP):
        np.testing.assert_array_equal(open_picture(source).grey, RAMP)


def test_a_jpeg_comes_within_what_jpeg_loses():
    assert np.abs(open_picture(saved(Image.fromarray(RAMP), "JPEG", quality=95)).grey.astype(int) - RAMP).max() < 12


@pytest.mark.parametrize(("orientation", "turned"), [(1, RAMP), (3, RAMP[::-1, ::-1]), (6, np.rot90(RAMP, -1))])
def test_a_picture_is_turned_as_the_camera_says(orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(open_picture(saved(Image.fromarray(RAMP), "PNG", exif=exif)).grey, turned)


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (40, 255), (255, 0)])
def test_transparent_paper_is_white_and_black_under_bright_ink(ink, paper):
    drawing = np.zeros((20, 20, 4), np.uint8)
    drawing[5:15, 9:11] = (ink, ink, ink, 255)
    grey = open_picture(drawing).grey
    assert (grey[0, 0], grey[10, 10]) == (paper, ink)
    assert (open_picture(np.zeros((20, 20, 4), np.uint8)).grey == 255).all()  # nothing drawn at all


def test_colours_become_their_brightness():
    colours = np.zeros((20, 20, 3), np.uint8)
    colours[:10] = (255, 0, 0)
    grey = open_picture(colours).grey
    assert (grey[0, 0], grey[-1, -1]) == (76, 0)  # ITU-R 601: 0.299 of red


def test_sixteen_bits_are_spread_over_eight():
    deep = Image.fromarray(RAMP.astype(np.uint16) * 100)
    grey = open_picture(saved(deep, "PNG")).grey
    assert (grey.min(), grey.max()) == (0, 255)
    assert np.abs(grey - RAMP * (255 / 240)).max() < 1


@pytest.mark.parametrize(
    ("orientation", "own", "seen"), [(1, (8000, 6000), (2000, 1500)), (6, (6000, 8000), (1500, 2000))]
)
def test_a_large_jpeg_is_decoded_at_a_part_of_its_size_and_says_its_own(orientation, own, seen):
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_picture(saved(Image.new("L", (8000, 6000), 128), "JPEG", exif=exif))
    assert (opened.width, opened.height) == own
    assert opened.grey.shape[::-1] == seen


def test_the_picture_in_colour_is_upright_on_paper_and_of_its_own_size():
    exif = Image.Exif()
    exif[0x0112] = 6
    jpeg = saved(Image.new("RGB", (3000, 2000), (250, 10, 10)), "JPEG", exif=exif)
    colour = open_in_colour(jpeg)
    assert (colour.mode, colour.size) == ("RGB", (2000, 3000))
    assert colour.getpixel((5, 5))[0] > 240
    assert open_in_colour(np.zeros((20, 20, 4), np.uint8)).getpixel((3, 3)) == (255, 255, 255)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width, height):
    """A PNG that claims a size, and has a few bytes."""

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def frames(count):
    pictures = [Image.fromarray(np.roll(RAMP, shift, axis=1)) for shift in range(count)]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:])
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b"%PDF-1.7 and more", "a PDF document"),
        (b"hello, world", "no format that Pillow knows"),
        (saved(Image.fromarray(np.tile(RAMP, (9, 9))), "JPEG")[:900], "truncated"),
        (saved(Image.new("L", (1, 1)), "PNG"), "at least 4x4 pixels, got 1x1"),
        (bomb(30_000, 30_000), "at most 64 million pixels, got more"),
        (bomb(30_000, 20), "got 30000x20"),
        (frames(3), "one picture, got 3 frames"),
    ],
)
def test_what_is_no_picture_is_said_to_be_what_it_is(content, said, tmp_path):
    (tmp_path / "picture.png").write_bytes(content)
    with pytest.raises(PictureError) as caught:
        open_picture(tmp_path / "picture.png")
    assert said in caught.value.message
    assert caught.value.message.startswith(str(tmp_path / "picture.png"))
    assert caught.value.hint


@pytest.mark.parametrize("picture", [np.zeros((20, 20)), np.zeros((2, 20, 20, 3), np.uint8), np.zeros(20, np.uint8), 7])
def test_an_array_of_another_kind_is_refused(picture):
    with pytest.raises(PictureError, match="expected a"):
        open_picture(picture)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PictureError, match="No such file"):
        open_picture(tmp_path / "nowhere.png")


WHOLE = saved(Image.fromarray(RAMP), "PNG")


@settings(max_examples=60)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=0, max_size=8))
def test_damaged_bytes_give_pixels_or_a_picture_error_and_nothing_else(position, junk):
    damaged = WHOLE[:position] + junk + WHOLE[position + len(junk) :]
    with contextlib.suppress(PictureError):
        assert open_picture(damaged).grey.dtype == np.uint8


def pictures_in_one_jpeg():
    file = io.BytesIO()
    Image.fromarray(RAMP).save(file, "MPO", save_all=True, append_images=[Image.new("L", (40, 30), 255)])
    return file.getvalue()


def test_of_a_jpeg_with_a_second_picture_the_first_is_read():
    opened = open_picture(pictures_in_one_jpeg())
    assert (opened.width, opened.height) == RAMP.shape[::-1]
    assert np.abs(opened.grey.astype(int) - RAMP).max() < 12
    assert open_in_colour(pictures_in_one_jpeg()).size == RAMP.shape[::-1]


def test_every_picture_is_opened_at_one_place_by_one_list_of_formats():
    source = Path(digitlab.__file__).parent
    calls = [
        (path.relative_to(source).as_posix(), line.strip())
        for path in source.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if "Image.open(" in line
    ]
    assert calls == [("imaging/decode.py", "opened = Image.open(file, formats=(kind,))")]


@pytest.mark.parametrize(
    "head", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\xc5\xd0\xd3\xc6" + bytes(26)]
)
def test_postscript_is_refused_and_no_program_is_started(head, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", None)
    with pytest.raises(PictureError, match=r"PostScript|EPS"):
        open_picture(head + b"{} loop\n")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_all_ways_to_hold_a_camera_are_turned_as_pillow_turns_them(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(RAMP * np.arange(20, dtype=np.uint8)[:, None]), kind, exif=exif)
    with Image.open(io.BytesIO(content)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    opened = open_picture(content)
    np.testing.assert_array_equal(opened.grey, expected)
    assert (opened.height, opened.width) == expected.shape
    np.testing.assert_array_equal(np.asarray(open_in_colour(content))[..., 0], expected)


def test_damaged_exif_data_do_not_keep_a_picture_from_being_read():
    whole = saved(Image.fromarray(RAMP), "PNG")
    for exif in (b"II*\0\xff\xff", b"MM", b"II*\0\x08\0\0\0\x01\0\x12\x01\x05\0\x01\0\0\0\x1a\0\0\0" + bytes(12)):
        damaged = whole[:33] + chunk(b"eXIf", exif) + whole[33:]
        np.testing.assert_array_equal(open_picture(damaged).grey, RAMP)


def modes():
    rng = np.random.default_rng(0)
    grey = Image.fromarray(rng.integers(0, 256, (700, 300), dtype=np.uint8))
    colour = Image.merge("RGB", [grey.rotate(90 * turn, expand=False) for turn in range(3)])
    clear = colour.copy()
    clear.putalpha(grey)
    few = colour.quantize(20)
    key = few.copy()
    key.info["transparency"] = 4
    return [
        grey,
        colour,
        clear,
        grey.convert("1"),
        clear.convert("LA"),
        colour.convert("CMYK"),
        colour.quantize(20),
        key,
    ]


@pytest.mark.parametrize("picture", modes(), ids=lambda picture: picture.mode)
def test_strips_give_the_pixels_that_the_whole_gives(picture, monkeypatch):
    whole = (open_picture(picture).grey, np.asarray(open_in_colour(picture)))
    monkeypatch.setattr("digitlab.imaging.pixels.STRIP_PIXELS", 5000)
    np.testing.assert_array_equal(open_picture(picture).grey, whole[0])
    np.testing.assert_array_equal(np.asarray(open_in_colour(picture)), whole[1])
    if "transparency" not in picture.info and picture.mode not in ("RGBA", "LA"):
        np.testing.assert_array_equal(whole[0], np.asarray(picture.convert("L")))


@pytest.mark.parametrize("values", [np.uint16, np.int32, np.float32])
def test_deep_pictures_are_spread_over_all_their_strips(values, monkeypatch):
    monkeypatch.setattr("digitlab.imaging.pixels.STRIP_PIXELS", 50)
    grey = open_picture(Image.fromarray(RAMP.astype(values) * 100)).grey
    np.testing.assert_array_equal(grey, np.rint(255 * (RAMP / 240.0)).astype(np.uint8))


def test_floats_that_are_no_numbers_are_refused():
    values = RAMP.astype(np.float32)
    values[3, 3] = np.nan
    with pytest.raises(PictureError, match="no finite numbers"):
        open_picture(saved(Image.fromarray(values), "TIFF"))


def test_what_decoding_would_hold_beyond_the_bound_is_refused_before_it():
    content = saved(Image.new("CMYK", (8000, 7900)), "JPEG", progressive=True, quality=30)
    with pytest.raises(PictureError, match="460 MB of memory"):
        open_picture(content)


def test_a_named_pipe_a_folder_a_device_and_impossible_names_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path, said in [
        (tmp_path / "pipe.png", "got a named pipe"),
        (tmp_path, "got a folder"),
        ("/dev/zero", "got a device"),
        (tmp_path / ("x" * 300), "File name too long"),
        ("a\0b.png", "null"),
        ("a\nb\x1b.png", r"a b\x1b.png: expected"),
    ]:
        with pytest.raises(PictureError) as caught:
            open_picture(path)
        assert said in caught.value.message
        assert caught.value.message.isprintable()


def test_a_file_of_more_than_256_mib_is_refused_unread(tmp_path):
    path = tmp_path / "large.bmp"
    with path.open("wb") as file:
        file.write(b"BM")
        file.truncate(2**28 + 1)
    with pytest.raises(PictureError, match="at most 256 MiB"):
        open_picture(path)
