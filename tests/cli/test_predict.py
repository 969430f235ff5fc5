"""`digitlab predict`, and `digitlab read --out`: what goes to standard output, to a file, to a folder."""

import csv
import io
import json

import numpy as np
import pytest

import digitlab as library
from digitlab.cli.main import main
from digitlab.data import load_dataset


@pytest.fixture
def digitlab(capfd):
    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return caught.value.code, out, err

    return run


@pytest.fixture(scope="module")
def images():
    return load_dataset("sample").test.images[:50]


@pytest.fixture(scope="module")
def probabilities(images):
    return library.load_classifier().predict_proba(images)


@pytest.fixture
def file(tmp_path, images):
    np.save(tmp_path / "digits.npy", images)
    return tmp_path / "digits.npy"


def test_without_out_it_is_csv_on_standard_output(digitlab, file, probabilities):
    status, out, err = digitlab("predict", file, "--part-rows", 7)
    rows = list(csv.reader(io.StringIO(out)))
    assert (status, err) == (0, "")
    assert rows[0] == ["index", "label", "probability"]
    assert [int(row[0]) for row in rows[1:]] == list(range(50))
    assert [int(row[1]) for row in rows[1:]] == probabilities.argmax(axis=1).tolist()
    assert np.allclose([float(row[2]) for row in rows[1:]], probabilities.max(axis=1), atol=1e-6)


def test_of_a_folder_or_several_files_each_row_of_csv_begins_with_its_file(digitlab, file, images):
    np.save(file.with_name("more.npy"), images[:3])
    for data in ([file.parent], [file, file.with_name("more.npy")]):
        status, out, _ = digitlab("predict", *data)
        rows = list(csv.reader(io.StringIO(out)))
        assert status == 0
        assert rows[0] == ["file", "index", "label", "probability"]
        assert [row[0] for row in rows[1:]] == [str(file)] * 50 + [str(file.with_name("more.npy"))] * 3


def test_json_without_out_is_a_line_an_image(digitlab, file, probabilities):
    status, out, _ = digitlab("predict", file, "--json", "--probabilities")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [row["index"] for row in rows] == list(range(50))
    assert {row["file"] for row in rows} == {str(file)}
    assert np.allclose([row["probabilities"] for row in rows], probabilities, atol=1e-6)


def test_a_text_file_appears_whole_and_is_not_replaced_unasked(digitlab, file, tmp_path):
    target = tmp_path / "labels.csv"
    status, out, _ = digitlab("predict", file, "--out", target, "--json")
    assert status == 0
    assert json.loads(out) == {"out": str(target), "rows": 50}
    before = target.read_text()
    assert len(before.splitlines()) == 51
    status, _, err = digitlab("predict", file, "--out", target)
    assert status == 1
    assert "--overwrite" in err.splitlines()[1]
    assert digitlab("predict", file, "--out", target, "--overwrite", "--probabilities")[0] == 0
    assert (
        target.read_text()
        .splitlines()[0]
        .endswith(
            "probability,probability_0,probability_1,probability_2,"
            "probability_3,probability_4,probability_5,probability_6,probability_7,probability_8,probability_9"
        )
    )


def test_json_lines_go_into_a_file_of_that_name(digitlab, file, tmp_path):
    assert digitlab("predict", file, "--out", tmp_path / "labels.jsonl")[:2] == (0, "")
    assert len((tmp_path / "labels.jsonl").read_text().splitlines()) == 50


def test_damage_leaves_no_text_file(digitlab, tmp_path, images):
    import gzip

    whole = gzip.compress(b"\0\0\x08\x03\0\0\0\x32\0\0\0\x1c\0\0\0\x1c" + images.tobytes())
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    status, _, err = digitlab("predict", tmp_path / "cut.gz", "--out", tmp_path / "labels.csv", "--part-rows", 5)
    assert status == 1
    assert len(err.strip().splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["cut.gz"]


def test_a_folder_is_parquet_and_the_same_command_goes_on(digitlab, file, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    command = ("predict", file, "--out", tmp_path / "labels", "--part-rows", 20, "--json")
    status, out, err = digitlab(*command)
    told = json.loads(out)
    assert status == 0
    assert (told["rows"], told["parts"], told["kept_parts"]) == (50, 3, 0)
    assert "50 images in 3 parts" in err
    (tmp_path / "labels" / "part-00001.parquet").unlink()
    assert json.loads(digitlab(*command)[1])["kept_parts"] == 2
    assert pq.read_table(tmp_path / "labels")["index"].to_pylist() == list(range(50))


def test_read_into_a_folder_says_what_could_not_be_read(digitlab, tmp_path, images):
    pq = pytest.importorskip("pyarrow.parquet")
    from PIL import Image

    (tmp_path / "in").mkdir()
    Image.fromarray(255 - np.pad(images[0], 10)).save(tmp_path / "in" / "digit.png")
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    status, out, err = digitlab("read", tmp_path / "in", "--out", tmp_path / "out", "--json")
    assert status == 0
    assert json.loads(out)["errors"] == 1
    assert "1 could not be read, see the column error" in err
    assert [row is None for row in pq.read_table(tmp_path / "out")["error"].to_pylist()] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["predict", "nowhere"], 2),
        (["predict", "sample", "--engine", "spark", "--out", "x"], 2),
        (["predict", "sample", "--engine", "ray"], 2),
        (["predict", "sample", "--engine", "ray", "--out", "x.csv"], 2),
        (["predict", "sample", "--address", "auto", "--out", "x"], 2),
        (["predict", "sample", "--out", "s3://bucket/x.csv"], 2),
        (["predict", "sample", "--part-rows", "0"], 2),
        (["predict", "sample", "--model", "nowhere", "--out", "x"], 1),
        (["predict", ".", "--out", "x"], 2),
        (["read", "nowhere.png", "--out", "x"], 2),
        (["read", "nowhere.png", "--engine", "ray"], 2),
        (["read", "nowhere.png", "--overwrite"], 2),
        (["read", "-", "--out", "x"], 2),
        (["read", "nowhere.png", "--out", "x", "--annotate", "y"], 2),
    ],
)
def test_wrong_use_is_two_lines_and_leaves_nothing(digitlab, tmp_path, monkeypatch, arguments, code):
    monkeypatch.chdir(tmp_path)
    status, out, err = digitlab(*arguments)
    assert (status, out) == (code, "")
    first, second = err.strip().splitlines()
    assert first.startswith("error: ")
    assert second.startswith("hint: ")
    assert list(tmp_path.iterdir()) == []
