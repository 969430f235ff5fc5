"""Standard input, output and error as a command line can rely on them, whatever it was started with."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any


def prepare_streams() -> None:
    """Make the standard streams usable: none missing, and none that raises of a character.

    A stream that was closed (``>&-``) is missing in Python, and its number would be that of the next file that is
    opened. What is then written to standard output fails, as it does where a disk is full. A terminal without
    UTF-8 shows the escapes of what it does not know. Where PYTHONUNBUFFERED is set, standard output is buffered
    all the same, up to the end of each text that is written.
    """
    if sys.stdin is None:
        sys.stdin = _stream(os.O_RDONLY, "r")
    if sys.stdout is None:
        sys.stdout = _stream(os.O_RDONLY, "w")  # of what can only be read, so that writing is an error
    if sys.stderr is None:
        sys.stderr = _stream(os.O_WRONLY, "w")
    sys.stdout = _buffered(sys.stdout)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):  # a test's stand-in has none
            reconfigure(errors="backslashreplace")


def _stream(flags: int, mode: str) -> Any:
    return os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8")


def _buffered(stream: Any) -> Any:
    """The stream over a buffer. Without one, Python drops what a full disk or a broken pipe does not take of a text."""
    raw, is_our_own = getattr(stream, "buffer", None), stream is sys.__stdout__
    if not is_our_own or not isinstance(raw, io.RawIOBase):
        return stream
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=stream.encoding, errors=stream.errors, line_buffering=True)


def is_unread() -> bool:
    """Whether the reader of standard output or of standard error is gone; True where the system does not say."""
    import select

    if not hasattr(select, "poll"):
        return True
    readers = select.poll()
    try:
        for stream in (sys.stdout, sys.stderr):
            readers.register(stream.fileno(), 0)  # errors and hang-ups are always reported
    except (OSError, ValueError, AttributeError):  # a stand-in without a descriptor
        return True
    return bool(readers.poll(0))


def discard_unwritten() -> None:
    """Throw away what standard output could not take: Python would try again at its exit, and say so."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
