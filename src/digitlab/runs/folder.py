"""`RunFolder`: the files of one run, the unit in which results are kept and exchanged."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from digitlab.errors import RunError
from digitlab.runs.atomic import write_text
from digitlab.runs.checks import CheckError, cell, epoch, finite, reading, seconds, share
from digitlab.runs.csv_file import read_rows
from digitlab.runs.json_file import read_json
from digitlab.runs.layout import LOCK, RECORD, RUN, Layout
from digitlab.runs.own_files import refuse_links, remove_unfinished
from digitlab.runs.record_checks import check_record
from digitlab.runs.regular_file import NotRegularError, open_lock_file

HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "duration_s")
_ALWAYS, _HELD_OUT = ("epoch", "loss", "accuracy", "learning_rate", "duration_s"), ("val_loss", "val_accuracy")
# A training that diverges ends with losses that are not numbers.
_CELLS: dict[str, Callable[[str], float]] = {
    "epoch": cell(epoch),
    "loss": cell(finite, any_number=True),
    "accuracy": cell(share),
    "val_loss": cell(finite, any_number=True),
    "val_accuracy": cell(share),
    "learning_rate": cell(finite),
    "duration_s": cell(seconds),
}
_DAMAGED = "the file is damaged; restore it, or train again into a new folder"

Row = dict[str, float]


class RunFolder:
    """One run's files. Every one appears whole or not at all.

    Args:
        path: The folder. It need not exist until something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def record_path(self) -> Path:
        """``run.json``."""
        return self / RECORD

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return os.path.lexists(self.record_path)

    def read_record(self) -> dict[str, Any]:
        """run.json as a dictionary, every value that digitlab uses checked for its type and range.

        Raises:
            RunError: There is none, or it is not what digitlab writes.
        """
        with reading(self.record_path, _DAMAGED, "a run's record"):
            try:
                value = read_json(self.record_path)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise RunError(
                    f"{self.path}: expected a run folder, found no {RECORD} in it",
                    hint="name a folder that `digitlab train` made, such as runs/NAME",
                ) from error
            return check_record(value)

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write run.json."""
        write_text(self.record_path, json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False) + "\n")

    def update_record(self, **changes: Any) -> dict[str, Any]:
        """Change some top-level keys of run.json and give the new record back."""
        record = {**self.read_record(), **changes}
        self.write_record(record)
        return record

    def read_history(self) -> list[Row]:
        """history.csv, a dictionary per epoch; empty cells (no validation) are left out.

        Raises:
            RunError: The file is damaged.
        """
        path = self / "history.csv"
        with reading(path, _DAMAGED):
            try:
                rows = [_history_row(row) for row in read_rows(path, _ALWAYS)]
            except FileNotFoundError:
                return []
            _check_history(rows)
            return rows

    def write_history(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write history.csv, a row an epoch."""
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY_COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "epoch": int(row["epoch"])} for row in rows)
        write_text(self / "history.csv", text.getvalue())

    @contextlib.contextmanager
    def lock(self, layout: Layout = RUN) -> Iterator[None]:
        """Hold the folder for this process, so that two runs never write into it at once.

        The operating system releases the lock when the process ends, however it ends. The temporary files of a killed
        process are removed.

        Args:
            layout: The folders below this one that will be written into. Defaults to those of a run.

        Raises:
            RunError: Another process holds it, the folder cannot be made, or a symbolic link stands in the place of
                one of its folders.
        """
        with self._open_lock() as file:
            if not _try_lock(file):
                raise RunError(
                    f"{self.path} is in use by another digitlab process",
                    hint="wait for it to end, or choose another folder with --out",
                )
            refuse_links(self.path, layout)
            remove_unfinished(self.path, layout)
            yield

    def _open_lock(self) -> IO[bytes]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return open_lock_file(self / LOCK)
        except NotRegularError as error:
            raise RunError(
                f"cannot lock {self / LOCK}: {error.strerror}", hint="remove it; digitlab makes the file anew"
            ) from error
        except (OSError, ValueError) as error:  # ValueError: a null byte in the path
            raise RunError(
                f"cannot make the run folder {self.path}: {getattr(error, 'strerror', None) or error}",
                hint="choose another with --out",
            ) from error


def new_run_path(command: str, root: Path = Path("runs")) -> Path:
    """A folder under `root` that does not exist yet, named by command and time."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path = root / f"{command}-{stamp}"
    number = 1
    while os.path.lexists(path):
        number += 1
        path = root / f"{command}-{stamp}-{number}"
    return path


def _history_row(row: Mapping[str, str]) -> Row:
    return {name: _CELLS[name](row[name]) for name in HISTORY_COLUMNS if row.get(name)}


def _check_history(rows: Sequence[Row]) -> None:
    """Every epoch has all columns but for those of the held-out images, and epochs follow one another."""
    for number, row in enumerate(rows, start=1):
        expected = {*_ALWAYS, *(_HELD_OUT if any(name in row for name in _HELD_OUT) else ())}
        if missing := sorted(expected - set(row)):
            raise CheckError(f"a number under {missing[0]} for epoch {number}", "none")
        if row["epoch"] != number:
            raise CheckError(f"epoch {number} in row {number}", f"{row['epoch']:g}")


def _try_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
