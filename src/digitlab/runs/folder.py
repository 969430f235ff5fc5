"""`RunFolder`: the files of one run, the unit in which results are kept and exchanged."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from digitlab.errors import RunError
from digitlab.runs.atomic import write_text
from digitlab.runs.lock_file import try_lock

if TYPE_CHECKING:
    from digitlab.runs.layout import Layout

# What checks and removes a run's files is imported where it is needed: a cold `predict` needs none of it.
RECORD, HISTORY, LOCK = "run.json", "history.csv", ".lock"
HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "duration_s")
_IN_USE = "wait for it to end, or choose another folder with --out"
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
        """run.json as a dictionary: every value that digitlab uses checked for its type and range, all by a checksum.

        Raises:
            RunError: There is none, it is not what digitlab writes, or a value in it was changed since.
        """
        from digitlab.runs.checks import reading
        from digitlab.runs.checksums import check_checksum
        from digitlab.runs.json_file import read_json
        from digitlab.runs.record_checks import check_record

        with reading(self.record_path, _DAMAGED, "a run's record"):
            try:
                value = read_json(self.record_path)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise RunError(
                    f"{self.path}: expected a run folder, found no {RECORD} in it",
                    hint="name a folder that `digitlab train` made, such as runs/NAME",
                ) from error
            return check_checksum(check_record(value))

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write run.json, and in it the checksum of all that it holds."""
        from digitlab.runs.checksums import with_checksum

        text = json.dumps(with_checksum(record), indent=2, allow_nan=False, ensure_ascii=False)
        write_text(self.record_path, text + "\n")

    def update_record(self, **changes: Any) -> dict[str, Any]:
        """Change some top-level keys of run.json and give the new record back."""
        record = {**self.read_record(), **changes}
        self.write_record(record)
        return record

    def check_file(self, name: str, record: Mapping[str, Any] | None = None, *, hint: str | None = None) -> None:
        """Check a file of a finished stage by the size and the SHA-256 that run.json states.

        A file that run.json does not know, such as one of a stage that has not ended, is not checked.

        Args:
            name: The file's path below this folder.
            record: The content of run.json. Defaults to reading it; without run.json nothing is checked.
            hint: How to have the file whole again. Defaults to restoring it.

        Raises:
            RunError: The file has changed or is missing, or run.json is damaged.
        """
        from digitlab.runs.checksums import RESTORE, check_file, stated_files

        if record is None:
            if not self.exists():
                return
            record = self.read_record()
        if (stated := stated_files(record).get(name)) is not None:
            check_file(self / name, stated, hint or RESTORE)

    def update_file(self, name: str) -> None:
        """State the present size and SHA-256 of a file in run.json, where a finished stage has left one of this name.

        Args:
            name: The file's path below this folder. It has been written anew, with digitlab's own content.

        Raises:
            RunError: run.json is damaged or cannot be written.
        """
        from digitlab.runs.checksums import file_states

        if not self.exists():
            return
        stages = self.read_record()["stages"]
        for stage, done in stages.items():
            if name in done.get("files", {}):
                files = {**done["files"], **file_states(self.path, [name])}
                self.update_record(stages={**stages, stage: {**done, "files": files}})

    def read_history(self) -> list[Row]:
        """history.csv, a dictionary per epoch; empty cells (no validation) are left out.

        Raises:
            RunError: The file is damaged, or another than the finished training left.
        """
        from digitlab.runs.checks import reading
        from digitlab.runs.history import read_history

        self.check_file(HISTORY)
        with reading(self / HISTORY, _DAMAGED):
            try:
                return read_history(self / HISTORY)
            except FileNotFoundError:
                return []

    def write_history(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write history.csv, a row an epoch."""
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY_COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "epoch": int(row["epoch"])} for row in rows)
        write_text(self / HISTORY, text.getvalue())

    @contextlib.contextmanager
    def lock(self, layout: Layout | None = None, *, hint: str = _IN_USE) -> Iterator[None]:
        """Hold the folder for this process, so that two runs never write into it at once.

        The operating system releases the lock when the process ends, however it ends. The temporary files of a killed
        process are removed.

        Args:
            layout: The folders below this one that will be written into. Defaults to those of a run.
            hint: What to do where another process holds it.

        Raises:
            RunError: Another process holds it, the folder cannot be made, or a symbolic link stands in the place of
                one of its folders.
        """
        from digitlab.runs.layout import RUN
        from digitlab.runs.own_files import refuse_links, remove_unfinished

        with self._open_lock() as file:
            if not try_lock(file.fileno()):
                raise RunError(f"{self.path} is in use by another digitlab process", hint=hint)
            refuse_links(self.path, layout or RUN)
            remove_unfinished(self.path, layout or RUN)
            yield

    def _open_lock(self) -> IO[bytes]:
        from digitlab.runs.regular_file import NotRegularError, open_lock_file

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
