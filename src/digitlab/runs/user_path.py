"""`user_path`: a path as a user or a stranger's file wrote it, found possible before anything is done with it."""

from __future__ import annotations

import os
from pathlib import Path

from digitlab.errors import UsageError
from digitlab.text import cut


def user_path(given: str | os.PathLike[str]) -> Path:
    """The path that is meant, with a ``~`` at its start replaced by the home folder that it stands for.

    After this, `Path.exists`, `Path.is_dir` and their like raise nothing for it but what is wrong with the machine.

    Args:
        given: The path as written. It need not exist; a ``~name`` of nobody is a name like any other.

    Raises:
        UsageError: The system takes no such path: a name in it is longer than 255 bytes, say, or holds a null byte.
    """
    path = Path(os.path.expanduser(os.fspath(given)))  # noqa: PTH111 - that of pathlib raises for a ~name of nobody
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # said by whoever opens it
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"{cut(str(given), 200)}: expected a path, got one that cannot be: {why}", hint="check the path"
        ) from error
    return path


def recordable_path(given: str | os.PathLike[str]) -> Path:
    """`user_path`, of which a run can keep a record.

    Raises:
        UsageError: There can be no such path, or it is not written in UTF-8, as run.json is.
    """
    path = user_path(given)
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{cut(str(given), 200)}: expected a path in UTF-8, got other bytes", hint="rename the file or folder"
        ) from error
    return path
