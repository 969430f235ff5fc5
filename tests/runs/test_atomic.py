"""Files appear whole or not at all."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from digitlab.errors import RunError
from digitlab.runs import RunFolder, atomic_path, write_bytes, write_text

# Begins to write a file, says so, and waits.
BEGIN = (
    "import sys, time; from pathlib import Path; from digitlab.runs import atomic_path\n"
    "with atomic_path(Path(sys.argv[1]), clean_up='--clean-up' in sys.argv) as temporary:\n"
    "    temporary.write_bytes(b'half'); print('begun', flush=True); time.sleep(60)"
)


def begin(path, *more):
    """A process that is in the middle of writing `path`."""
    process = subprocess.Popen([sys.executable, "-c", BEGIN, path, *more], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    return process


def end(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


def temporaries(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".unfinished-*"))


def test_whoever_locks_a_folder_removes_what_killed_processes_left_in_it(tmp_path):
    end(begin(tmp_path / "run" / "search" / "trial.json"))
    assert temporaries(tmp_path / "run")
    with RunFolder(tmp_path / "run").lock():
        assert temporaries(tmp_path / "run") == []


def test_what_another_process_writes_in_a_locked_folder_below_is_left_alone(tmp_path):
    inner = RunFolder(tmp_path / "study" / "recommended")
    with inner.lock(), atomic_path(inner / "model.keras") as temporary:
        temporary.write_bytes(b"half")
        code = (
            "import sys; from pathlib import Path; from digitlab.runs import RunFolder\n"
            "with RunFolder(Path(sys.argv[1])).lock(): pass"
        )
        subprocess.run([sys.executable, "-c", code, tmp_path / "study"], check=True)
        assert temporary.exists()
    assert (inner / "model.keras").read_bytes() == b"half"


def test_a_named_file_that_a_killed_process_was_writing_leaves_nothing_once_it_is_written(tmp_path):
    end(begin(tmp_path / "a.csv", "--clean-up"))
    end(begin(tmp_path / "ab.csv", "--clean-up"))
    assert len(temporaries(tmp_path)) == 2
    with atomic_path(tmp_path / "a.csv", clean_up=True) as temporary:
        temporary.write_bytes(b"whole")
    assert (tmp_path / "a.csv").read_bytes() == b"whole"
    assert [name.startswith(".unfinished-ab-") for name in temporaries(tmp_path)] == [True]


def test_a_named_file_that_another_process_is_writing_is_left_alone(tmp_path):
    other = begin(tmp_path / "a.csv", "--clean-up")
    try:
        with atomic_path(tmp_path / "a.csv", clean_up=True) as temporary:
            temporary.write_bytes(b"whole")
        (left,) = tmp_path.glob(".unfinished-*")
        assert left.read_bytes() == b"half"
    finally:
        end(other)


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
