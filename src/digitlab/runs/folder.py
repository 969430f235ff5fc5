"""`RunFolder`: the files of one run, the unit in which results are kept and exchanged."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digitlab.errors import RunError
from digitlab.runs.atomic import LOCK, remove_unfinished, write_text
from digitlab.runs.lock_file import try_lock

FORMAT = 1
HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "duration_s")

REQUIRED = {"config", "dataset", "stages", "status", "name", "versions", "machine"}

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
        return self / "run.json"

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.record_path.exists()

    def read_record(self) -> dict[str, Any]:
        """run.json as a dictionary.

        Raises:
            RunError: There is none, or it is not what digitlab writes.
        """
        try:
            record = json.loads(self.record_path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunError(
                f"{self.path}: expected a run folder, found no run.json in it",
                hint="name a folder that `digitlab train` made, such as runs/NAME",
            ) from error
        except (OSError, ValueError) as error:
            raise RunError(
                f"{self.record_path}: expected a run's record, got: {error}",
                hint="the file is damaged; restore it, or train again into a new folder",
            ) from error
        if not isinstance(record, dict) or record.get("format") != FORMAT or not set(record) >= REQUIRED:
            raise RunError(
                f"{self.record_path}: expected a record of format {FORMAT}",
                hint="it was written by another version of digitlab, or by something else",
            )
        return record

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write run.json."""
        write_text(self.record_path, json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False) + "\n")

    def update_record(self, **changes: Any) -> dict[str, Any]:
        """Change some top-level keys of run.json and give the new record back."""
        record = {**self.read_record(), **changes}
        self.write_record(record)
        return record

    def read_history(self) -> list[Row]:
        """history.csv, a dictionary an epoch; empty cells (no validation) are left out."""
        try:
            with (self / "history.csv").open(newline="", encoding="utf-8") as file:
                return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise RunError(
                f"{self / 'history.csv'}: expected numbers under {', '.join(HISTORY_COLUMNS)}, got: {error}",
                hint="the file is damaged; restore it, or train again into a new folder",
            ) from error

    def write_history(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write history.csv, a row an epoch."""
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY_COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "epoch": int(row["epoch"])} for row in rows)
        write_text(self / "history.csv", text.getvalue())

    @contextlib.contextmanager
    def lock(self, *, hint: str = "wait for it to end, or choose another folder with --out") -> Iterator[None]:
        """Hold the folder for this process, so that two runs never write into it at once.

        The operating system lets go of it when the process ends, however it ends. What a killed
        process was writing at that moment is removed.

        Args:
            hint: What to do where another process holds it.

        Raises:
            RunError: Another process holds it, or the folder cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self / LOCK).open("w")
        except OSError as error:
            raise RunError(
                f"cannot make the run folder {self.path}: {error.strerror or error}",
                hint="choose another with --out",
            ) from error
        with file:
            if not try_lock(file.fileno()):
                raise RunError(f"{self.path} is in use by another digitlab process", hint=hint)
            remove_unfinished(self.path)
            yield


def make_run_folder(command: str, root: Path = Path("runs")) -> Path:
    """Make a new folder under `root`, named by command and time.

    Of processes that ask at the same moment, each gets a folder of its own.

    Args:
        command: The verb that makes the run.
        root: Made if it is missing. Defaults to ``runs`` in the current folder.

    Returns:
        The folder, which is empty.

    Raises:
        RunError: It cannot be made.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            path = root / (f"{command}-{stamp}" if number == 1 else f"{command}-{stamp}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                break
    except OSError as error:
        raise RunError(
            f"cannot make a run folder in {root}: {error.strerror or error}", hint="choose another with --out"
        ) from error
    return path
