"""What an option or an argument that is a path goes through before its verb begins."""

from __future__ import annotations

from pathlib import Path

from digitlab.runs.user_path import recordable_path, user_path


def checked(path: Path | None) -> Path | None:
    """The path, which can be one; `None` where none was given."""
    return None if path is None else user_path(path)


def recordable(path: Path | None) -> Path | None:
    """The same for a path that a run keeps a record of."""
    return None if path is None else recordable_path(path)
