"""What is looked for under a name or a path."""

import os

import pytest
from sets import assert_is_the_written_set, everything, write_csv, write_idx_folder

from digitlab.data import load_dataset
from digitlab.errors import UsageError


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("minst", "mnist"),
        ("MNIST", "mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("fashionmnist", "fashion-mnist"),
        ("smaple", "sample"),
        ("Auto", "auto"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_known_one(tmp_path, monkeypatch, name, meant):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=rf"{name}: neither a known data set .*\nhint: did you mean '{meant}'"):
        load_dataset(name)


def test_a_path_that_does_not_exist_is_answered_with_the_known_names(tmp_path):
    with pytest.raises(UsageError, match=r"hint: a path, or one of auto, sample, mnist, fashion-mnist"):
        load_dataset(tmp_path / "nowhere.csv")


def test_an_empty_name_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(write_idx_folder(tmp_path))
    with pytest.raises(UsageError):
        load_dataset("")


def test_the_folder_one_stands_in_is_called_by_its_own_name(tmp_path, monkeypatch):
    monkeypatch.chdir(write_idx_folder(tmp_path / "mine"))
    assert load_dataset(".").name == "mine"


@pytest.mark.skipif(os.name == "nt", reason="making a symbolic link takes rights there")
def test_a_link_is_read_by_its_own_name_and_not_by_that_of_what_it_leads_to(tmp_path):
    # as Hugging Face's cache and git-annex keep files
    write_csv(tmp_path / "table.csv").rename(tmp_path / "c0ffee")
    (tmp_path / "mine.csv").symlink_to(tmp_path / "c0ffee")
    dataset = load_dataset(tmp_path / "mine.csv")
    assert (dataset.name, len(everything(dataset))) == ("mine.csv", 10)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    write_idx_folder(tmp_path / "mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert_is_the_written_set(load_dataset("~/mine"))


@pytest.mark.parametrize(
    "name",
    ["~nobody-of-this-name/x", "a\0b", "x" * 5_000, "loop"],
    ids=["home of nobody", "null", "too long", "link to itself"],
)
def test_a_path_that_cannot_be_is_no_path(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    if os.name != "nt":
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UsageError, match="neither a known data set nor an existing path"):
        load_dataset(name)


def test_a_file_of_another_kind_is_refused_with_what_is_read(tmp_path):
    path = write_idx_folder(tmp_path) / "train-images-idx3-ubyte"
    with pytest.raises(UsageError, match=r"expected a folder, a \.csv or an \.npz file\nhint: .*the folder that holds"):
        load_dataset(path)
