"""Files appear whole or not at all."""

import errno
import os

import pytest

from digitlab.errors import RunError
from digitlab.runs import atomic_path, write_bytes, write_text


def test_what_is_written_is_there_and_nothing_else_is(tmp_path):
    write_text(tmp_path / "deep" / "a.txt", "ä\n")
    assert (tmp_path / "deep" / "a.txt").read_bytes() == "ä\n".encode()
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.txt"]


def test_an_error_on_the_way_leaves_the_older_file_and_no_temporary(tmp_path):
    write_bytes(tmp_path / "a", b"old")
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "a") as temporary:
        temporary.write_bytes(b"half of the ne")
        _ = 1 / 0
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_the_temporary_keeps_the_suffix_by_which_libraries_choose_a_format(tmp_path):
    with atomic_path(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras"
        temporary.write_bytes(b"x")


def test_it_may_be_read_by_whoever_may_read_any_new_file(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    write_bytes(tmp_path / "atomic", b"x")
    assert (tmp_path / "atomic").stat().st_mode == plain.stat().st_mode


def test_a_full_disk_is_a_two_line_error_and_leaves_nothing(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"No space left on device\nhint: ") as caught:
        write_bytes(tmp_path / "a", b"x")
    assert len(str(caught.value).splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")  # noqa: PTH110
def test_a_device_that_is_full_is_said_so(tmp_path):
    with pytest.raises(RunError, match="No space left"), atomic_path(tmp_path / "a"):
        with open("/dev/full", "wb", buffering=0) as device:  # noqa: PTH123
            device.write(b"x")
    assert list(tmp_path.iterdir()) == []
