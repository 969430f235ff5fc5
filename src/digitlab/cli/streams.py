"""Standard input, output and error as a command line can rely on them, whatever it was started with."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any


def prepare_streams() -> None:
    """Make the standard streams usable: none missing, and none that raises of a character.

    A stream that was closed (``>&-``) is missing in Python, and its number would be that of the next file that is
    opened. What is then written to standard output fails, as it does where a disk is full. A terminal without
    UTF-8 shows the escapes of what it does not know.
    """
    if sys.stdin is None:
        sys.stdin = _stream(os.O_RDONLY, "r")
    if sys.stdout is None:
        sys.stdout = _stream(os.O_RDONLY, "w")  # of what can only be read, so that writing is an error
    if sys.stderr is None:
        sys.stderr = _stream(os.O_WRONLY, "w")
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):  # a test's stand-in has none
            reconfigure(errors="backslashreplace")


def _stream(flags: int, mode: str) -> Any:
    return os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8")


def discard_unwritten() -> None:
    """Throw away what standard output could not take: Python would try again at its exit, and say so."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
