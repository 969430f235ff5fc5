"""`how_to_train_again`: what to do where a file of one network of a search is damaged."""

from __future__ import annotations

import re
import shlex
from pathlib import Path


def how_to_train_again(trial_folder: Path) -> str:
    """The hint of an error about a damaged file.

    All rungs of the network are removed, since each goes on from the one before, whose checkpoint may be gone. The
    search then trains this network again, and nothing else, and comes to the same result.

    Args:
        trial_folder: A trial's, such as ``search/trial_b2-r1-03``.
    """
    rungs = re.sub(r"-r\d+-(\d+)$", r"-r*-\1", trial_folder.name)
    return f"the file is damaged; rm -r {shlex.quote(str(trial_folder.parent))}/{rungs} and repeat the command"
