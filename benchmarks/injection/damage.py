"""Damage one value of a run's records, use the run, and see whether that ends in an error or in the right result.

    PYTHONPATH=benchmarks python -m injection.damage [--damages 200] [--seed 0] [--subject NAME]

A subject is a run, finished or killed on the way, and the commands that use it. A damage changes, drops, empties or
retypes one field of run.json, search.json, history.csv or trials.csv, removes or doubles a row, or cuts the file short.
Right is what the same command gives without the damage: its exit code and standard output, report.html byte by byte,
the exported file, and for an unfinished run that is gone on with every file of the folder (injection/compare.py). The
alternative is an error of digitlab's own: two lines, exit code 1 or 2. Anything else is printed, a JSON line each, and
the exit code is 1. Linux on x86-64 only.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from injection.cases import CASES, OUT, write_inputs
from injection.compare import contents, differences
from injection.forked import Ended, Kill, Stage
from injection.seccomp import Change, refuse_elsewhere

FILES = ("run.json", "history.csv", "trials.csv", "search/search.json")
EXPORTED = "exported.onnx"

_REPORT, _EVALUATE = ("report", OUT), ("evaluate", OUT, "--json")
_EXPORT = ("export", OUT, "--out", EXPORTED)


@dataclass(frozen=True)
class Subject:
    """A run, and what is done with it.

    Args:
        name: For people.
        case: Which of `CASES` made it.
        uses: Commands that use it, beside the same command and ``--resume``.
        until: Says before which change the run was killed; `None` for a finished one.
    """

    name: str
    case: str
    uses: tuple[tuple[str, ...], ...] = ()
    until: Callable[[Sequence[Change]], int] | None = None


def _renamed(part: str, times: int) -> Callable[[Sequence[Change]], int]:
    """After a file whose temporary name has `part` in it has appeared so many times."""

    def find(changes: Sequence[Change]) -> int:
        numbers = [number for number, c in enumerate(changes, 1) if c.call.startswith("rename") and part in c.path]
        return numbers[times - 1] + 1

    return find


def _before_figures(changes: Sequence[Change]) -> int:
    return next(number for number, change in enumerate(changes, 1) if change.path.endswith("/figures"))


SUBJECTS = (
    Subject("train, finished", "train", (_REPORT, _EVALUATE, _EXPORT)),
    Subject("train, killed in its second epoch", "train", (), _renamed("unfinished-state", 1)),
    Subject("train, killed before its report", "train", (_REPORT, _EVALUATE, _EXPORT), _before_figures),
    Subject("tune, finished", "tune", (_REPORT,)),
    Subject("tune, killed after two trials", "tune", (), _renamed("unfinished-trial", 2)),
    Subject("tune, killed before its report", "tune", (_REPORT,), _before_figures),
    Subject("study, killed before it exports", "study", (_REPORT,), _renamed("unfinished-evaluation", 1)),
)


@dataclass(frozen=True)
class Damage:
    """One damage: `what` is said of it, `content` is what the file holds afterwards."""

    file: str
    what: str
    content: bytes


def damages(folder: Path, chance: random.Random) -> Iterator[Damage]:
    """Every kind of damage to every field of every record in a folder, the files in turn, in an order of chance."""
    waiting = []
    for name in FILES:
        if (folder / name).exists():
            read = _of_json if name.endswith(".json") else _of_csv
            found = [*read(name, folder / name, chance), *_cut(name, folder / name, chance)]
            chance.shuffle(found)
            waiting.append(found)
    while waiting:
        waiting = [found for found in waiting if found]
        for found in waiting:
            yield found.pop()


def _of_json(name: str, path: Path, chance: random.Random) -> Iterator[Damage]:
    text = path.read_text(encoding="utf-8")
    for keys in _fields(json.loads(text)):
        for what, change in _CHANGES:
            record = json.loads(text)
            parent = record
            for key in keys[:-1]:
                parent = parent[key]
            before = json.dumps(record)
            change(parent, keys[-1], chance)
            if json.dumps(record) != before:
                content = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
                yield Damage(name, f"{'.'.join(map(str, keys))} {what}", content.encode())


def _fields(value: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys that lead to every field, the groups among them included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield (*keys, key)
        yield from _fields(child, (*keys, key))


def _change(parent: Any, key: Any, chance: random.Random) -> None:
    parent[key] = _changed(parent[key], chance)


def _changed(value: Any, chance: random.Random) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1 if isinstance(value, int) else value * chance.choice((0.5, 0.99, 1.01)) or 0.5
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1] != "0" else "1") if value else "x"
    if isinstance(value, list):
        return value[:-1]
    if isinstance(value, dict):
        return dict(list(value.items())[:-1])
    return 1


def _drop(parent: Any, key: Any, chance: random.Random) -> None:
    del parent[key]


def _empty(parent: Any, key: Any, chance: random.Random) -> None:
    parent[key] = None


def _retype(parent: Any, key: Any, chance: random.Random) -> None:
    parent[key] = {"a": 1} if isinstance(parent[key], (list, int, float)) else [1, "a"]


_CHANGES = (("changed", _change), ("dropped", _drop), ("emptied", _empty), ("retyped", _retype))


def _of_csv(name: str, path: Path, chance: random.Random) -> Iterator[Damage]:
    table = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    for column, title in enumerate(table[0]):
        row = chance.randrange(1, len(table))
        for what, cell in (
            ("changed", _changed(table[row][column], chance)),
            ("emptied", ""),
            ("retyped", "x1"),
        ):
            yield Damage(name, f"{title} of row {row} {what}", _csv(table, row, column, cell))
        yield Damage(name, f"title {title} changed", _csv(table, 0, column, title + "s"))
    row = chance.randrange(1, len(table))
    yield Damage(name, f"row {row} removed", _csv([*table[:row], *table[row + 1 :]]))
    yield Damage(name, f"row {row} doubled", _csv([*table[: row + 1], *table[row:]]))


def _csv(table: list[list[str]], row: int = 0, column: int = 0, cell: str | None = None) -> bytes:
    rows = [list(cells) for cells in table]
    if cell is not None:
        rows[row][column] = cell
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _cut(name: str, path: Path, chance: random.Random) -> Iterator[Damage]:
    content = path.read_bytes()
    for length in (0, len(content) - 1, *(chance.randrange(len(content)) for _ in range(4))):
        if content[:length].strip() != content.strip():  # but for the newline at its end, it is whole
            yield Damage(name, f"cut to {length} of {len(content)} bytes", content[:length])


@dataclass(frozen=True)
class Finding:
    """A damage that ended in neither an error of digitlab's own nor the right result."""

    subject: str
    file: str
    damage: str
    command: str
    wrong: str


class Lab:
    """One subject, and what its commands give where nothing is damaged."""

    def __init__(self, stage: Stage, folder: Path, subject: Subject) -> None:
        self._stage, self._folder, self.subject = stage, folder, subject
        case = next(case for case in CASES if case.name == subject.case).with_inputs(folder)
        self._run = folder / "subject"
        shutil.rmtree(self._run, ignore_errors=True)
        self._run.mkdir()
        self._make(case.arguments)
        self._commands = [*subject.uses, (subject.case, "--resume", OUT), case.arguments]
        self._right = {command: self._use(command, None) for command in self._commands}

    def _make(self, arguments: tuple[str, ...]) -> None:
        ended = self._stage.run(arguments, self._run)
        if ended.code:
            raise SystemExit(f"digitlab {' '.join(arguments)} ended with {ended.code}:\n{ended.errors[-2000:]}")
        if self.subject.until is not None:
            at = self.subject.until(ended.changes)
            shutil.rmtree(self._run / OUT)
            self._stage.run(arguments, self._run, Kill(at))

    def damages(self, chance: random.Random) -> Iterator[Damage]:
        """All that may be done to it."""
        return damages(self._run / OUT, chance)

    def find(self, damage: Damage) -> Iterator[Finding]:
        """What is wrong with each command after a damage."""
        for command in self._commands:
            if wrong := self._judge(command, damage):
                yield Finding(self.subject.name, damage.file, damage.what, " ".join(command[:3]), wrong)

    def _judge(self, command: tuple[str, ...], damage: Damage) -> str:
        ended, found = self._use(command, damage)
        if ended.code in (1, 2) and _is_two_lines(ended.errors):
            return ""
        if ended.code:
            return f"exit code {ended.code}: {' / '.join(ended.errors.strip().splitlines()[-2:])}"
        expected, right = self._right[command]
        if expected.code:
            return f"done, though the same without the damage says: {expected.errors.splitlines()[-2]}"
        if expected.output != ended.output:
            return "another output"
        return ", ".join(differences(found, right)[:3])

    def _use(self, command: tuple[str, ...], damage: Damage | None) -> tuple[Ended, dict[str, str]]:
        place = self._folder / "place"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self._run, place)
        if damage is not None:
            (place / OUT / damage.file).write_bytes(damage.content)
        ended = self._stage.run(command, place)
        self._stage.settle()
        return ended, self._results(command, place)

    def _results(self, command: tuple[str, ...], place: Path) -> dict[str, str]:
        if command == _REPORT:
            return {"report.html": _text(place / OUT / "report.html")}
        if command in (_EVALUATE, _EXPORT):
            return {EXPORTED: _text(place / EXPORTED)}
        return contents(place / OUT)


def _text(path: Path) -> str:
    return path.read_bytes().hex() if path.exists() else "missing"


def _is_two_lines(errors: str) -> bool:
    lines = errors.strip().splitlines()[-2:]
    ours = len(lines) == 2 and lines[0].startswith("error: ") and lines[1].startswith("hint: ")
    return ours and not lines[0].startswith("error: unexpected") and "Traceback" not in errors


def main() -> None:
    """Damage every subject in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--damages", type=int, default=200, help="in all, a fair share for every subject")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--subject", choices=[subject.name for subject in SUBJECTS], help="this one only")
    given = parser.parse_args()
    refuse_elsewhere()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    subjects = [subject for subject in SUBJECTS if given.subject in (None, subject.name)]
    found = 0
    folder = Path(tempfile.mkdtemp(prefix="digitlab-damage-")).resolve()
    try:
        write_inputs(folder)
        stage = Stage()
        for number, subject in enumerate(subjects):
            chance = random.Random(f"{given.seed} {subject.name}")
            lab = Lab(stage, folder, subject)
            share = len(range(number, given.damages, len(subjects)))
            for _, damage in zip(range(share), lab.damages(chance), strict=False):
                for finding in lab.find(damage):
                    found += 1
                    print(json.dumps(asdict(finding)), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
