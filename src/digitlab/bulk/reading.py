"""`reading`: what goes wrong while a file is read, told as a `DataError`."""

from __future__ import annotations

import socket
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from digitlab.errors import DataError
from digitlab.text import in_short

# RuntimeError is what zipfile raises of an encrypted member, and Python of nesting without end; MemoryError is what
# pyarrow raises of a size that cannot be.
_DAMAGE = (
    EOFError, zlib.error, zipfile.BadZipFile, struct.error, ValueError, KeyError, TypeError, OverflowError,
    RuntimeError, MemoryError,
)  # fmt: skip


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Around whatever reads the file called `name`.

    Raises:
        DataError: It is not there, cannot be read, or is damaged; a file that is not there is told with the machine's
            name, since on a cluster one machine may see what another does not.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(
            f"{name}: expected a file, found none on {socket.gethostname()}",
            hint="check the path; on a cluster all machines must see it, on a shared file system or by a URI",
        ) from error
    except _DAMAGE as error:
        raise DataError(
            f"{name}: expected a whole file, got a damaged one: {in_short(error)}",
            hint="was it cut short on its way? fetch it again",
        ) from error
    except OSError as error:  # gzip's, pyarrow's and the system's alike
        raise DataError(
            f"cannot read {name}: {error.strerror or in_short(error)}",
            hint="check the path and its rights; a file cut short on its way has to be fetched again",
        ) from error
