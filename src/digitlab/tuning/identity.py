"""`claim_search`: a folder belongs to one search, which alone may go on in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from digitlab.errors import RunError
from digitlab.runs import write_text
from digitlab.runs.checks import fields, reading
from digitlab.runs.checksums import check_checksum, with_checksum
from digitlab.runs.json_file import read_json


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
    if not os.path.lexists(path):
        write_text(path, json.dumps(with_checksum(identity), indent=1) + "\n")
        return False
    with reading(path, "the file is damaged; search again with --overwrite", "a search's record"):
        found = check_checksum(fields(dict.fromkeys(identity, _anything))(read_json(path)))
        other = [name for name in identity if found[name] != identity[name]]
    if other:
        raise RunError(
            f"{folder} holds a search with another {' and another '.join(other)}",
            hint="repeat the command it was begun with, search anew with overwrite, or choose another folder",
        )
    return True


def _anything(value: object) -> object:
    return value
