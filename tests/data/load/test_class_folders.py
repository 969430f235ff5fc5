"""A folder of pictures for each class, and a `DataError` for whatever is wrong with one."""

import os

import numpy as np
import pytest
from PIL import Image
from sets import everything, pictures

from digitlab.data import load_dataset
from digitlab.errors import DataError


def write_pictures(folder, counts, suffix=".png", size=(28, 28)):
    """Each class's pictures have the brightness of its place in `counts`."""
    for brightness, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.new("L", size, brightness).save(folder / name / f"{i}{suffix}")
    return folder


def test_class_folders_with_numbers_are_ordered_by_number(tmp_path):
    dataset = load_dataset(write_pictures(tmp_path, {"10": 5, "9": 5, "1": 5, "2": 5}))
    assert dataset.class_names == ("1", "2", "9", "10")
    brightness = {1: 2, 2: 3, 9: 1, 10: 0}
    for image, label in zip(dataset.train.images, dataset.train.labels, strict=True):
        assert np.all(image == brightness[int(dataset.class_names[label])])


def test_class_folders_with_names_are_ordered_by_name(tmp_path):
    dataset = load_dataset(write_pictures(tmp_path, {"b": 5, "10": 5, "a": 5, "9": 5}))
    assert dataset.class_names == ("10", "9", "a", "b")
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    assert np.bincount(dataset.test.labels).tolist() == [1, 1, 1, 1]


def test_train_and_test_folders_are_the_parts(tmp_path):
    write_pictures(tmp_path / "train", {"0": 3, "1": 4})
    write_pictures(tmp_path / "test", {"0": 2, "1": 1})
    dataset = load_dataset(tmp_path)
    assert np.bincount(dataset.train.labels).tolist() == [3, 4]
    assert np.bincount(dataset.test.labels).tolist() == [2, 1]
    assert dataset.note == ""


def test_a_class_may_be_missing_from_the_test_folder(tmp_path):
    write_pictures(tmp_path / "train", {"0": 3, "1": 4})
    write_pictures(tmp_path / "test", {"1": 2})
    assert load_dataset(tmp_path).test.labels.tolist() == [1, 1]


def test_a_class_that_only_the_test_folder_has_is_refused_and_not_left_out(tmp_path):
    write_pictures(tmp_path / "train", {"0": 3, "1": 4})
    write_pictures(tmp_path / "test", {"0": 2, "1": 1, "surprise": 2})
    with pytest.raises(DataError, match="surprise"):
        load_dataset(tmp_path)


def test_a_test_folder_without_pictures_is_a_data_error(tmp_path):
    write_pictures(tmp_path / "train", {"0": 3, "1": 4})
    (tmp_path / "test").mkdir()
    with pytest.raises(DataError, match="test"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(("mode", "suffix"), [("RGB", ".png"), ("RGB", ".JPG"), ("1", ".png"), ("P", ".gif")])
def test_pictures_of_any_usual_kind_become_grey(tmp_path, mode, suffix):
    for name in ("dark", "light"):
        (tmp_path / name).mkdir()
        for i in range(5):
            picture = Image.new("L", (28, 28), 255 if name == "light" else 0).convert(mode)
            picture.save(tmp_path / name / f"{i}{suffix}")
    dataset = load_dataset(tmp_path)
    assert sorted(everything(dataset)) == [(bytes(784), 0)] * 5 + [(b"\xff" * 784, 1)] * 5


def test_other_files_and_folders_without_pictures_are_passed_over(tmp_path):
    write_pictures(tmp_path, {"0": 5, "1": 5})
    (tmp_path / "0" / "notes.txt").write_text("not a picture")
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "papers").mkdir()
    dataset = load_dataset(tmp_path)
    assert dataset.class_names == ("0", "1")
    assert len(everything(dataset)) == 10


@pytest.mark.parametrize("count", [1, 101])
def test_one_class_folder_or_more_than_a_hundred_are_refused(tmp_path, count):
    write_pictures(tmp_path, {f"c{i}": 1 for i in range(count)})
    with pytest.raises(DataError, match=rf"expected 2 to 100 class folders with pictures, got {count}\nhint: "):
        load_dataset(tmp_path)


@pytest.mark.parametrize("size", [(14, 14), (28, 29), (4000, 4000)])
def test_a_picture_of_another_size_is_named_with_its_size(tmp_path, size):
    write_pictures(tmp_path, {"0": 5, "1": 5})
    Image.new("L", size).save(tmp_path / "1" / "odd.png")
    with pytest.raises(DataError, match=rf"odd\.png: expected a picture of 28x28 .*, got {size[0]}x{size[1]}\nhint: "):
        load_dataset(tmp_path)


def test_a_picture_cut_at_any_length_is_named(tmp_path):
    write_pictures(tmp_path, {"0": 2, "1": 2})
    path = tmp_path / "1" / "cut.png"
    Image.fromarray(pictures(1)[0]).save(path)
    whole = path.read_bytes()
    last_pixel = whole.rindex(b"IEND") - 12  # behind it: two checksums and a length
    for length in range(0, last_pixel, 17):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"cut\.png: expected a picture, got one that cannot be read[\s\S]*hint: "):
            load_dataset(tmp_path)


def test_an_empty_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"expected IDX files, .* or class folders of pictures, found none\nhint: "):
        load_dataset(tmp_path)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n{} loop\n"


def test_what_is_no_picture_in_a_pictures_place_is_named_and_never_run(tmp_path, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", None)
    write_pictures(tmp_path, {"0": 2, "1": 2})
    path = tmp_path / "1" / "odd.png"
    path.write_bytes(EPS)
    with pytest.raises(DataError, match=r"odd\.png: expected a picture, got one that cannot be read: .*PostScript"):
        load_dataset(tmp_path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match=r"odd\.png: .*named pipe"):
        load_dataset(tmp_path)
