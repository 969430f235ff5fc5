"""Standard error without what native code writes to it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import IO


def _nowhere_on_disk() -> IO[bytes]:
    """A file in memory where there are such, since what is kept must not fail with the disk."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stderr"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


@contextlib.contextmanager
def silenced_stderr() -> Iterator[None]:
    """Keep what is written to file descriptor 2, and show it only if the block ends with an error."""
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (AttributeError, OSError, ValueError):  # no standard error at all, as under pythonw
        yield
        return
    with _nowhere_on_disk() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(saved, kept.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
