"""A path as a user wrote it: possible, with the home folder filled in, or wrong usage in two lines."""

import os
from pathlib import Path

import pytest

from digitlab.errors import UsageError
from digitlab.runs.user_path import recordable_path, user_path


def test_the_home_folder_is_filled_in_and_that_of_nobody_is_a_name(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert user_path("~/runs") == Path("/somewhere/runs")
    assert user_path("~nosuchuser/runs") == Path("~nosuchuser/runs")


@pytest.mark.parametrize("path", ["nothing/there", ".", "/dev/null", Path("a")])
def test_whether_something_is_there_does_not_matter(path):
    assert user_path(path) == Path(path)


@pytest.mark.parametrize("path", ["x" * 256, "ü" * 200, "a\0b", "/".join(["d" * 200] * 30)])
def test_a_path_that_the_system_does_not_take_is_wrong_usage(path):
    with pytest.raises(UsageError, match="expected a path, got one that cannot be") as caught:
        user_path(path)
    assert len(caught.value.message) < 300


def test_a_path_of_other_bytes_than_utf_8_can_be_used_and_not_recorded():
    path = os.fsdecode(b"\xff")
    assert user_path(path) == Path(path)
    with pytest.raises(UsageError, match=r"\\udcff: expected a path in UTF-8"):
        recordable_path(path)
