"""`TrialFiles`: what every trial of a search on Ray leaves, where all machines see it.

A rung's outcome is a pure function of the network, its seed and the data. So what has ended is read and never trained
again: after the loss of a worker, of the driver or of the cluster, the same search asks for the same rungs in the same
way, has those that are there at once, and ends as it would have ended.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from digitlab.runs import write_text
from digitlab.runs.checks import CheckError, fields, list_of, reading, text
from digitlab.runs.checksums import check_checksum, with_checksum
from digitlab.runs.json_file import read_json
from digitlab.runs.record_checks import check_row_with
from digitlab.training.job import Row
from digitlab.tuning.remedy import how_to_train_again
from digitlab.tuning.schedule import TrialKey

_check_row = check_row_with("epoch", "val_accuracy")
_check_outcome = fields({"rows": list_of(_check_row), "error": text(10**6)})


@dataclass(frozen=True)
class Outcome:
    """How a rung of a trial ended.

    Args:
        rows: A row for each of its own epochs.
        error: Why it failed, one line; empty if it did not.
    """

    rows: tuple[Row, ...]
    error: str = ""

    @property
    def best(self) -> Row | None:
        """The epoch of the highest validation accuracy, the first of equals; `None` of a failed trial."""
        return None if self.error else max(self.rows, key=lambda row: row["val_accuracy"])


@dataclass(frozen=True)
class TrialFiles:
    """The files of a search's trials in ``folder``."""

    folder: Path

    def state(self, key: TrialKey) -> Path:
        """The checkpoint that the next rung goes on from."""
        return self.folder / f"trial_{key.trial_id}" / "state.npz"

    def read(self, key: TrialKey) -> Outcome | None:
        """How the trial ended, `None` if it has not.

        Raises:
            RunError: The file is damaged.
        """
        path = self._outcome(key)
        if not os.path.lexists(path):
            return None
        with reading(path, how_to_train_again(path.parent), "a trial of this search"):
            found = check_checksum(_check_outcome(read_json(path)))
            if not found["error"] and not found["rows"]:
                raise CheckError("a row per epoch", "none", ("rows",))
            return Outcome(tuple(found["rows"]), found["error"])

    def write(self, key: TrialKey, outcome: Outcome) -> None:
        """Keep how the trial ended."""
        content = with_checksum({"rows": outcome.rows, "error": outcome.error})
        write_text(self._outcome(key), json.dumps(content) + "\n")

    def sweep(self) -> None:
        """Remove the checkpoints, when nothing goes on from them any more."""
        for path in self.folder.glob("trial_*/state.npz"):
            path.unlink(missing_ok=True)

    def _outcome(self, key: TrialKey) -> Path:
        return self.folder / f"trial_{key.trial_id}" / "trial.json"
