"""`ignore_repeated_write_failures`: a full disk is reported once, by the error that is raised, not by HDF5 again."""

from __future__ import annotations

import sys
from types import TracebackType

# h5py raises the failure of a write, and prints it once more with a traceback for each object that is freed afterwards.
REPEATED = "Can't decrement id ref count (file write failed"


def ignore_repeated_write_failures() -> None:
    """Print no traceback for a write that h5py repeats in vain while it frees its objects. For the whole process."""
    excepthook, unraisablehook = sys.excepthook, sys.unraisablehook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not _is_repeated(error):
            excepthook(kind, error, trace)

    def show_unraisable(info: sys.UnraisableHookArgs) -> None:
        if not _is_repeated(info.exc_value):
            unraisablehook(info)

    sys.excepthook, sys.unraisablehook = show, show_unraisable


def _is_repeated(error: BaseException | None) -> bool:
    return isinstance(error, RuntimeError) and str(error).startswith(REPEATED)
