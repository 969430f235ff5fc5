"""What h5py prints of a full disk, after it was raised, is left out; everything else is shown."""

import sys

import pytest

from digitlab.training.hdf5_errors import REPEATED, ignore_repeated_write_failures


@pytest.fixture
def shown(monkeypatch):
    errors = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: errors.append(error))
    monkeypatch.setattr(sys, "unraisablehook", lambda info: errors.append(info.exc_value))
    ignore_repeated_write_failures()
    return errors


def unraisable(error):
    class Info:
        exc_value = error

    return Info()


def test_a_write_that_is_repeated_in_vain_is_not_shown(shown):
    error = RuntimeError(f"{REPEATED}: time = now, errno = 28)")
    sys.excepthook(RuntimeError, error, None)
    sys.unraisablehook(unraisable(error))
    assert shown == []


@pytest.mark.parametrize("error", [RuntimeError("another"), OSError(28, "No space left on device"), None])
def test_every_other_error_is_shown(shown, error):
    sys.excepthook(type(error), error, None)
    sys.unraisablehook(unraisable(error))
    assert shown == [error, error]
