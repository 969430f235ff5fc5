"""`claim_search`: a folder belongs to one search, which alone may go on in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from digitlab.errors import RunError
from digitlab.runs import machine_failure, write_text


def claim_search(folder: Path, identity: dict[str, Any]) -> bool:
    """Write down in a folder what its search is, or compare with what was written down.

    Args:
        folder: Of the search.
        identity: All that its results depend on, by the names that a message may use.

    Returns:
        Whether the search had begun before.

    Raises:
        RunError: Another search's results lie there, or the record is damaged.
    """
    path = folder / "search.json"
    identity = json.loads(json.dumps(identity, default=str))
    if not path.exists():
        write_text(path, json.dumps(identity, indent=1) + "\n")
        return False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        other = [name for name in identity if found[name] != identity[name]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise machine_failure(error, f"cannot read {path}") or RunError(
            f"{path}: expected a search's record, got: {type(error).__name__} {error}",
            hint="the file is damaged; search again with --overwrite",
        ) from error
    if other:
        raise RunError(
            f"{folder} holds a search with another {' and another '.join(other)}",
            hint="repeat the command it was begun with, search anew with overwrite, or choose another folder",
        )
    return True
