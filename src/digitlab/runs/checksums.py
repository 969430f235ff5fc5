"""Checksums: whether a run's files still hold what digitlab wrote.

run.json states the size and the SHA-256 of every file that a finished stage has left, and the SHA-256 of itself. They
find damage and changes by hand. They do not withstand someone who computes them anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from digitlab.runs.checks import CheckError, reading
from digitlab.runs.regular_file import open_regular

CHECKSUM = "sha256"
RESTORE = "the file is damaged or was changed; restore it, or run anew with --overwrite"
_SHOWN = 12


class FileState(TypedDict):
    """What run.json says of a file: its size in bytes and its SHA-256 as 64 hexadecimal digits."""

    bytes: int
    sha256: str


def with_checksum(value: Mapping[str, Any]) -> dict[str, Any]:
    """The object of a JSON file with its own SHA-256 under ``sha256``."""
    return {**value, CHECKSUM: _checksum(value)}


def check_checksum(value: dict[str, Any]) -> dict[str, Any]:
    """Check that an object is the one that `with_checksum` returned, however the file lays it out.

    Raises:
        CheckError: A value in it was changed, added or removed.
    """
    if value.get(CHECKSUM) != (computed := _checksum(value)):
        stated = value.get(CHECKSUM)
        received = f"{computed[:_SHOWN]}…"
        raise CheckError(
            f"values of the SHA-256 {stated[:_SHOWN]}…" if isinstance(stated, str) else "the SHA-256 of its values",
            received if isinstance(stated, str) else "none",
            (CHECKSUM,),
        )
    return value


def _checksum(value: Mapping[str, Any]) -> str:
    rest = {key: inner for key, inner in value.items() if key != CHECKSUM}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_states(folder: Path, names: Iterable[str]) -> dict[str, FileState]:
    """The size and the SHA-256 of files of a folder, by their names; a name without a file is left out.

    Args:
        folder: The run folder.
        names: Paths below it, with ``/`` between folders.

    Raises:
        OSError: A file cannot be read, or is no regular file.
    """
    return {name: found for name in sorted(names) if (found := _file_state(folder / name)) is not None}


def check_file(path: Path, stated: FileState, hint: str = RESTORE) -> None:
    """Check that a file is the one that run.json describes.

    Args:
        path: The file.
        stated: Its size and SHA-256 in run.json.
        hint: How to have it whole again. Defaults to restoring it.

    Raises:
        RunError: It has another size or content, or is missing.
        MachineError: The disk failed.
    """
    with reading(path, hint):
        found = _file_state(path)
        if found is None:
            raise CheckError(f"a file of {stated['bytes']:,} bytes, as run.json states", "none")
        if found["bytes"] != stated["bytes"]:
            raise CheckError(f"{stated['bytes']:,} bytes, as run.json states", f"{found['bytes']:,}")
        if found["sha256"] != stated["sha256"]:
            raise CheckError(
                f"the SHA-256 {stated['sha256'][:_SHOWN]}…, as run.json states", f"{found['sha256'][:_SHOWN]}…"
            )


def _file_state(path: Path) -> FileState | None:
    try:
        with open_regular(path) as file:
            digest = hashlib.file_digest(cast("Any", file), "sha256")
            return {"bytes": file.tell(), "sha256": digest.hexdigest()}
    except (FileNotFoundError, NotADirectoryError):
        return None


def refuse_changed_files(folder: Path, record: Mapping[str, Any]) -> None:
    """Check all files of a run's finished stages, before the run is gone on with.

    Args:
        folder: The run folder.
        record: The content of its run.json.

    Raises:
        RunError: A file has another content than run.json states, or is missing.
    """
    for name, stated in stated_files(record).items():
        check_file(folder / name, stated)


def stated_files(record: Mapping[str, Any]) -> dict[str, FileState]:
    """What run.json states of the files of all stages, by their names."""
    return {
        name: stated for stage in record.get("stages", {}).values() for name, stated in stage.get("files", {}).items()
    }
