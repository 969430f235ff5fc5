"""An error of the machine is told from one of the work, whichever library raised it."""

import errno
import os

import pytest

from digitlab.errors import DataError, MachineError, RunError
from digitlab.runs import atomic_path, machine_failure, machine_failures


def of(code):
    return OSError(code, os.strerror(code), "runs/a/run.json")


def named(name, module, text):
    """An error of a library that need not be imported here."""
    return type(name, (Exception,), {"__module__": module})(text)


@pytest.mark.parametrize(
    ("error", "words", "hint"),
    [
        (of(errno.ENOSPC), "No space left on device", "free some space"),
        (of(errno.EDQUOT), "Disk quota exceeded", "free some space"),
        (of(errno.EIO), "Input/output error", "see that the disk is there"),
        (of(errno.EROFS), "Read-only file system", "see that the disk is there"),
        (of(errno.EMFILE), "Too many open files", "raise the limit"),
        (of(errno.ENOMEM), "Cannot allocate memory", "end other programs"),
        (MemoryError(), "not enough memory", "end other programs"),
        (MemoryError("Unable to allocate 3. GiB"), "(Unable to allocate 3. GiB)", "end other programs"),
        (ImportError("libx.so: failed to map segment from shared object"), "not enough memory", "end other programs"),
        (RuntimeError("can't start new thread"), "can't start new thread", "raise the limit"),
        (
            RuntimeError("Can't decrement id ref count (errno = 28, error message = 'No space left on device')"),
            "No space left on device",
            "free some space",
        ),
        (
            named(
                "ResourceExhaustedError",
                "tensorflow.python.framework.errors_impl",
                "events.v2; No space left on device",
            ),
            "No space left on device",
            "free some space",
        ),
        (
            named("ResourceExhaustedError", "tensorflow.python.framework.errors_impl", "OOM when allocating tensor"),
            "not enough memory",
            "end other programs",
        ),
        (named("XlaRuntimeError", "jaxlib.xla_extension", "RESOURCE_EXHAUSTED: Out of memory"), "memory", "end other"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "temporary", "free some"),
    ],
)
def test_it_is_recognised_and_says_what_to_do(error, words, hint):
    found = machine_failure(error, "training b2-r0-07")
    assert isinstance(found, MachineError)
    assert found.message.startswith("training b2-r0-07: ")
    assert words in found.message
    assert found.hint.startswith(hint) or hint in found.hint
    assert found.exit_code == 1
    assert len(str(found).splitlines()) == 2


@pytest.mark.parametrize(
    "error",
    [
        ValueError("No space left on device"),
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
        PermissionError(errno.EACCES, "Permission denied"),
        FloatingPointError("loss nan"),
        RuntimeError("shapes differ"),
        KeyError("units"),
        ImportError("No module named 'tensorflow'"),
    ],
)
def test_an_error_of_the_work_is_none(error):
    assert machine_failure(error) is None


def test_it_is_found_behind_the_error_that_it_led_to():
    with pytest.raises(ValueError, match="could not save") as caught:
        try:
            raise of(errno.ENOSPC)
        except OSError as error:
            raise ValueError("could not save") from error
    assert machine_failure(caught.value).message == "cannot use runs/a/run.json: No space left on device"


def test_a_block_passes_its_other_errors_on_as_they_are():
    with pytest.raises(MachineError, match="training: Input/output error"), machine_failures("training"):
        raise of(errno.EIO)
    with pytest.raises(KeyError), machine_failures("training"):
        raise KeyError
    mine = DataError("damaged", hint="restore it")
    mine.__cause__ = of(errno.EIO)
    with pytest.raises(DataError, match="damaged"), machine_failures("training"):
        raise mine


@pytest.mark.parametrize("error", [of(errno.ENOSPC), RuntimeError("unable to flush file: No space left on device")])
def test_a_file_that_cannot_be_written_for_want_of_space_is_the_machines_failure(error, tmp_path):
    with pytest.raises(MachineError, match=r"cannot write .*model\.keras: No space left on device"):
        with atomic_path(tmp_path / "model.keras"):
            raise error
    assert list(tmp_path.iterdir()) == []


def test_a_machine_error_is_a_run_error_since_the_same_command_goes_on():
    assert issubclass(MachineError, RunError)
