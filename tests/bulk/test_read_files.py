"""Pictures in parts: what `read` says of each, and a damaged one is a row."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import digitlab
from digitlab.bulk import predict_files, read_files
from digitlab.errors import RunError, UsageError


@pytest.fixture
def pictures(tmp_path):
    """Seven of the sample's digits as large pictures, one cut short, one blank."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    sample = digitlab.load_dataset("sample").test.images
    for number in range(7):
        page = np.pad(255 - np.kron(sample[number * 100 + 3], np.ones((4, 4), np.uint8)), 20, constant_values=255)
        Image.fromarray(page).save(folder / f"{number}.png")
    (folder / "cut.png").write_bytes((folder / "3.png").read_bytes()[:100])
    Image.new("L", (60, 60), 255).save(folder / "blank.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_every_picture_is_a_row_with_what_read_number_says(pictures, tmp_path):
    outcome = read_files(pictures, tmp_path / "out", part_pictures=4)
    assert (outcome.rows, outcome.parts, outcome.errors) == (9, 3, 1)
    told = pq.read_table(tmp_path / "out").to_pylist()
    assert [row["file"] for row in told] == [str(path) for path in sorted(pictures.glob("*.png"))]
    for row in told:
        if row["error"] is not None:
            continue
        lines = digitlab.read_number(row["file"])
        assert row["text"] == "\n".join(line.text for line in lines)
        assert [[tuple(digit["box"].values()) for digit in line["digits"]] for line in row["lines"]] == [
            [digit.box for digit in line.digits] for line in lines
        ]
        expected = [digit.probability for line in lines for digit in line.digits]
        came = [digit["probability"] for line in row["lines"] for digit in line["digits"]]
        assert came == pytest.approx(expected, abs=1e-6)


def test_a_damaged_picture_is_a_row_with_an_error_and_a_blank_one_a_row_without(pictures, tmp_path):
    read_files(pictures, tmp_path / "out")
    rows = {row["file"].rpartition("/")[2]: row for row in pq.read_table(tmp_path / "out").to_pylist()}
    assert "cut.png" in rows["cut.png"]["error"]
    assert (rows["cut.png"]["text"], rows["cut.png"]["lines"]) == ("", [])
    assert (rows["blank.png"]["error"], rows["blank.png"]["text"]) == (None, "")
    assert sum(row["error"] is None for row in rows.values()) == 8


def test_a_fault_of_ours_on_one_picture_is_a_row_too(pictures, tmp_path, monkeypatch):
    import digitlab.reading

    def read_number(picture, *_, **__):
        raise ZeroDivisionError(picture)

    monkeypatch.setattr(digitlab.reading, "read_number", read_number)
    outcome = read_files(pictures, tmp_path / "out")
    assert outcome.errors == outcome.rows == 9
    assert "ZeroDivisionError" in pq.read_table(tmp_path / "out")["error"][0].as_py()


def test_the_same_call_again_reads_only_what_is_missing(pictures, tmp_path):
    out = tmp_path / "out"
    read_files(pictures, out, part_pictures=2)
    whole = pq.read_table(out)
    (out / "part-00003.parquet").unlink()
    assert read_files(pictures, out, part_pictures=2).kept_parts == 4
    assert pq.read_table(out).equals(whole)


def test_one_picture_more_is_another_question(pictures, tmp_path):
    read_files(pictures, tmp_path / "out")
    Image.new("L", (50, 50), 255).save(pictures / "more.png")
    with pytest.raises(RunError, match="pictures 9 there, 10 asked for"):
        read_files(pictures, tmp_path / "out")
    with pytest.raises(RunError, match='command "read" there, "predict" asked for'):
        predict_files("sample", tmp_path / "out")


def test_a_folder_that_this_machine_does_not_see_ends_the_reading(pictures, tmp_path):
    def elsewhere(job, parts):
        from digitlab.bulk import Here

        pictures.rename(tmp_path / "moved")
        yield from Here(1)(job, parts)

    with pytest.raises(RunError, match="expected a folder of pictures, found none on"):
        read_files(pictures, tmp_path / "out", engine=elsewhere)


@pytest.mark.parametrize("named", ["nowhere.png", "nowhere", ""])
def test_what_is_not_there_is_wrong_usage(named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        read_files(named, tmp_path / "out")


def test_the_manifest_of_a_million_pictures_would_be_no_longer(pictures, tmp_path):
    read_files(pictures, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "_manifest.json").read_text())
    assert manifest["pictures"] == 9
    assert len(manifest["pictures_fingerprint"]) == 64
    assert "0.png" not in json.dumps(manifest)
