"""`digitlab read`: files, folders and standard input; what cannot be read is told, and the rest read all the same."""

import io
import json
import struct
import sys
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from digitlab.cli.main import main
from digitlab.data import load_dataset


@pytest.fixture
def read(capfd):
    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            main(["read", *map(str, arguments)])
        out, err = capfd.readouterr()
        return caught.value.code, out, err

    return run


@pytest.fixture(scope="module")
def number():
    """42 on paper, from two of MNIST's clearest digits."""
    import digitlab

    sample = load_dataset("sample").train
    sure = digitlab.load_classifier().predict_proba(sample.images)
    digits = [sample.images[np.where(sample.labels == d, sure[:, d], 0).argmax()] for d in (4, 2)]
    page = np.concatenate([cv2.resize(d, (84, 84), interpolation=cv2.INTER_CUBIC) for d in digits], axis=1)
    return Image.fromarray(np.pad(235 - np.rint(page * 0.8).astype(np.uint8), 10, constant_values=235))


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def bomb():
    """A PNG that claims 30,000 x 30,000 pixels."""
    header = struct.pack(">2I5B", 30_000, 30_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_table_names_each_picture_and_its_number(read, number, tmp_path):
    number.save(tmp_path / "amount.png")
    status, out, err = read(tmp_path / "amount.png")
    assert (status, err) == (0, "")
    assert "amount.png" in out
    assert "42" in out


def test_json_has_lines_digits_probabilities_and_boxes_on_the_picture(read, number, tmp_path):
    number.save(tmp_path / "amount.png")
    status, out, _ = read("--json", tmp_path / "amount.png")
    (image,) = json.loads(out)["images"]
    assert status == 0
    assert (image["file"], image["text"], image["error"]) == (str(tmp_path / "amount.png"), "42", None)
    ((left, right),) = [line["digits"] for line in image["lines"]]
    assert [left["label"], right["label"]] == ["4", "2"]
    for digit in (left, right):
        x, y, width, height = digit["box"]
        assert 0 <= x < x + width <= number.width
        assert 0 <= y < y + height <= number.height
        assert 0.5 < digit["probability"] <= 1
        assert digit["readable"] is True
    assert left["box"][0] + left["box"][2] <= right["box"][0] + 2


def test_a_folder_is_read_in_order_and_standard_input_too(read, number, tmp_path, monkeypatch):
    for name in ("b.png", "a.jpg", "c.bmp"):
        number.save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(saved(number, "PNG"))))
    status, out, _ = read("--json", tmp_path, "-")
    images = json.loads(out)["images"]
    assert status == 0
    assert [image["file"] for image in images] == [*(str(tmp_path / f"{n}") for n in ("a.jpg", "b.png", "c.bmp")), "-"]
    assert {image["text"] for image in images} == {"42"}


def test_what_cannot_be_read_is_told_and_the_others_are_read(read, number, tmp_path):
    bad = {
        "truncated.jpg": (saved(number.resize((900, 500)), "JPEG")[:2000], "truncated"),
        "dot.png": (saved(Image.new("L", (1, 1)), "PNG"), "1x1"),
        "bomb.png": (bomb(), "at most 64 million pixels"),
        "moving.gif": (
            saved(number.convert("P"), "GIF", save_all=True, append_images=[number.rotate(9).convert("P")]),
            "2 frames",
        ),
        "document.png": (b"%PDF-1.7\n1 0 obj", "a PDF document"),
        "empty.png": (b"", "an empty file"),
    }
    for name, (content, _) in bad.items():
        (tmp_path / name).write_bytes(content)
    number.save(tmp_path / "zz_good.png")
    status, out, err = read("--json", tmp_path, tmp_path / "missing.png")
    told = {image["file"].rsplit("/", 1)[-1]: image for image in json.loads(out)["images"]}
    assert status == 1
    assert told["zz_good.png"]["text"] == "42"
    for name, (_, said) in bad.items():
        assert said in told[name]["error"], name
        assert told[name]["lines"] == []
    assert "missing.png" in told["missing.png"]["error"]
    assert err.count("error: ") == err.count("hint: ") == len(bad) + 1
    assert "Traceback" not in err


def test_annotate_draws_on_the_picture_in_a_file_or_a_folder(read, number, tmp_path):
    (tmp_path / "in" / "other").mkdir(parents=True)
    number.save(tmp_path / "in" / "amount.png")
    number.save(tmp_path / "in" / "other" / "amount.jpg")
    assert read("--annotate", tmp_path / "one.png", tmp_path / "in" / "amount.png")[0] == 0
    drawn = np.asarray(Image.open(tmp_path / "one.png").convert("RGB")).astype(int)
    assert drawn.shape[1] == 480  # enlarged, and a strip below
    assert drawn.shape[0] > 480 * number.height / number.width + 56
    blue = (np.abs(drawn - (31, 95, 170)).max(axis=2) < 12).mean()
    assert 0.005 < blue < 0.3
    assert read("--annotate", tmp_path / "out", tmp_path / "in", tmp_path / "in" / "other")[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["amount-2.png", "amount.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--threshold", "1.5", "a.png"], 2, "from 0 to 1"),
        (["--annotate", "out.png", "a.png", "b.png"], 2, "expected a folder for 2 pictures"),
        (["empty"], 2, "found none"),
        (["--model", "nowhere", "a.png"], 1, "nowhere"),
        (["--annotate", "out.xyz", "a.png"], 1, "picture format"),
        ([], 2, "IMAGE"),
    ],
)
def test_wrong_use_is_two_lines_and_leaves_nothing(read, number, tmp_path, monkeypatch, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    number.save("a.png")
    number.save("b.png")
    status, _, err = read(*arguments)
    assert status == code
    assert said in err
    assert len(err.strip().splitlines()) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "b.png", "empty"}
