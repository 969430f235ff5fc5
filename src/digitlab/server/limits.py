"""What the operating system holds a worker to: memory, time, files, and a life no longer than its server's.

Nothing here depends on the interpreter while an upload is decoded: native code may never return to it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import os
import resource
import select
import signal
import sys
from pathlib import Path

STATM = Path("/proc/self/statm")
# Places of statm, in pages: the resident set, and data with stack, which RLIMIT_DATA counts.
RESIDENT, DATA = 1, 5
OPEN_FILES = 64
# The first process that Linux ends for want of memory is to be a worker and not the server.
OOM_SCORE = "500"
NICENESS = 10


def end_with_server(life: int) -> None:
    """Let the kernel end this process group when the write end of the pipe `life` is closed.

    The server holds the only write end and writes nothing. Its death, by whatever cause, closes the end, and the
    kernel sends SIGIO, whose default action ends every process of the group: a decoder's own child processes too.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO, signal.SIGALRM})
    # A group's number is its owner's, negative. Systems without it keep to the pipe's end between two uploads.
    with contextlib.suppress(OSError):
        fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    closed = select.poll()
    closed.register(life, select.POLLIN)
    if closed.poll(0):  # it closed before there was anybody to send a signal to
        os._exit(0)


def leave_signals_to_server() -> None:
    """Ignore the signals that reach every process of a terminal or a service: the server decides what they mean."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def give_way() -> None:
    """Run when the server does not want to: its loop answers everybody, and a worker one upload."""
    os.nice(NICENESS)


def limit_files() -> None:
    """Write no file and no core dump, and open few files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.suppress(OSError):  # not on Linux
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


def limit_memory(more: int) -> None:
    """Let this process take at most `more` bytes beyond what it has now."""
    data = _pages(DATA)
    if data is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = data + more if hard == resource.RLIM_INFINITY else min(data + more, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def set_alarm(seconds: float) -> None:
    """Let the kernel end this process when it has worked for so long, whatever it does then; 0 takes it back.

    The server ends a worker that is over its time, too. This holds where the server is stopped or overloaded.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def resident_bytes() -> int | None:
    """Memory that this process holds; None where the system does not say."""
    return _pages(RESIDENT)


def give_memory_back() -> None:
    """Return freed memory to the system, as far as the C library can."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
        if trim is not None:
            trim(0)


def _pages(place: int) -> int | None:
    try:
        return int(STATM.read_text().split()[place]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return None
