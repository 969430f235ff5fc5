"""How the verbs end that leave something to go on from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from digitlab.cli.interruption import Ending

if TYPE_CHECKING:
    from digitlab.cli.interruption import Lines

DRAW = "import sys; from pathlib import Path; from digitlab.report import write_report; write_report(Path(sys.argv[1]))"


class RunEnding(Ending):
    """The ending of a verb that makes a run.

    Args:
        verb: The verb.
        path: The run folder.
        kept: What is kept, such as ``every finished epoch``.
    """

    def __init__(self, verb: str, path: Path, kept: str) -> None:
        self._verb, self._path, self._kept = verb, path, kept
        # Before that, what lies in the folder is an earlier run, which the command may be about to throw away.
        self.is_ours = False

    def lines(self, command: str) -> Lines:
        """Go on with the run, if there is one to go on with."""
        import shlex

        path = shlex.quote(str(self._path))
        status = self._status()
        if status == "finished":
            return "interrupted when the run had just been finished", f"digitlab report {path}"
        if status is None:
            # Where no stage was left to begin, or an earlier run is finished: the same command would be refused.
            if "--overwrite" not in command and self._recorded_status() == "finished":
                return f"interrupted; {self._path} holds a finished run", f"digitlab report {path}"
            return super().lines(command)
        return f"interrupted; {self._kept} is kept", f"digitlab {self._verb} --resume {path}"

    def close(self) -> Sequence[str] | None:
        """Say in run.json what happened, and draw what there is."""
        if self._status() in (None, "finished"):
            return None
        from digitlab.runs import RunFolder
        from digitlab.study.folder import mark_interrupted

        if not mark_interrupted(RunFolder(self._path)):
            return None
        return [sys.executable, "-P", "-c", DRAW, str(self._path)]

    def _status(self) -> str | None:
        """What run.json says of this command's run; `None` where there is none."""
        return self._recorded_status() if self.is_ours else None

    def _recorded_status(self) -> str | None:
        from digitlab.runs import RunFolder

        folder = RunFolder(self._path)
        return str(folder.read_record()["status"]) if folder.exists() else None


class FileEnding(Ending):
    """The ending of a verb that makes one file and refuses to replace one.

    Args:
        path: The file, which is not there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self, command: str) -> Lines:
        """The same command. Once the file is there, only `--overwrite` lets that command make it again."""
        if not self._path.exists():
            return super().lines(command)
        return f"interrupted when {self._path} had just been written", f"{command} --overwrite"


class PartsEnding(Ending):
    """The ending of bulk work, which goes on with the parts that are missing."""

    def __init__(self) -> None:
        self.has_begun = False

    def lines(self, command: str) -> Lines:
        """The same command; without the option that would throw away what it has done."""
        if not self.has_begun:
            return super().lines(command)
        import shlex  # only here: a start is most of the time that a small command takes

        words = [word for word in shlex.split(command) if word != "--overwrite"]
        return "interrupted; finished parts are kept", shlex.join(words)
