"""Kill digitlab's commands, run them again, and compare the outcome with that of the same command left alone.

    python benchmarks/kills.py [--kills 450] [--moments 50] [--workers 2] [--seed 0] [--folder FOLDER] [--log FILE]
    python benchmarks/kills.py --case train --at 113,20:alone

Most kills (`--kills`) come immediately before the n-th change of a file: creating, writing, renaming, removing, cutting
or making a folder, counted over the whole process tree, by Python or by C code (injection/seccomp.py). n is drawn
uniformly from the changes of the uninterrupted command. The command runs in a forked child of a process that has
imported everything (injection/forked.py). Half of the kills end the command and its workers at once; the other half
end the command alone, and it is run again while its workers may still write. Half of the kills fall on runs that are
killed ten times. The rest (`--moments`) end real commands, imports included, at moments drawn uniformly from the
duration of the uninterrupted command. After a kill the same command is run again; the last run is left alone.

"Exactly" is defined in injection/compare.py. The second form repeats one run with chosen kills and says what differs.
Linux on x86-64 only. It rewrites the section "Kills" of RESULTS.md, unless only a part is run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from injection.cases import CASES, OUT, PICTURES, TEST_IMAGES, TRAIN_IMAGES, Case, Places, write_inputs
from injection.compare import contents, differences
from injection.forked import Kill, Stage
from injection.seccomp import refuse_elsewhere
from results import machine_line, write_section

MANY = 10
FINISHED = "holds a finished run"


@dataclass
class Outcome:
    """A run of a case, from its first kill to its end.

    Args:
        case: Its name.
        kind: "change" or "moment".
        kills: Each: before which change or after how many seconds, and whether workers were killed too.
        before: The changes that were prevented, each as "call path".
        wrong: What is not as in the uninterrupted run; empty for an exact end.
        said: The last lines of a command that failed.
    """

    case: str
    kind: str
    kills: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    said: str = ""


def main() -> None:
    """Parse, kill, write the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=450)
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the runs go; default: a temporary folder")
    parser.add_argument("--log", type=Path, help="a JSON line per run goes there")
    parser.add_argument("--case", choices=[case.name for case in CASES], help="this one only")
    parser.add_argument("--at", help="with --case: one run, killed before these changes, such as 113,20:alone")
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)  # what a worker is started with
    given = parser.parse_args()
    refuse_elsewhere()
    if given.at:
        _repeat(given)
    elif given.share is not None:
        _work(given)
    else:
        _campaign(given)


def _campaign(given: argparse.Namespace) -> None:
    started = time.perf_counter()
    outcomes, counts = _gather(given)
    duration_s = time.perf_counter() - started
    for outcome in outcomes:
        if outcome.wrong:
            print(f"{outcome.case} killed at {','.join(outcome.kills)}: {'; '.join(outcome.wrong[:4])} {outcome.said}")
    body = _section(given, outcomes, counts, duration_s)
    print(body)
    if given.case is None:
        write_section("Kills", body)


def _gather(given: argparse.Namespace) -> tuple[list[Outcome], dict[str, int]]:
    """The outcomes of all workers, one core each, and how many changes each uninterrupted command makes."""
    workers = [
        subprocess.Popen([sys.executable, *sys.argv, "--share", str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(given.workers)
    ]
    outcomes, counts = [], {}
    for worker in workers:
        for line in worker.stdout or ():
            found = json.loads(line)
            if "changes" in found:
                counts[found["case"]] = found["changes"]
            else:
                outcomes.append(Outcome(**found))
        if worker.wait():
            raise SystemExit(f"a worker ended with exit code {worker.returncode}")
    return outcomes, counts


def _work(given: argparse.Namespace) -> None:
    """A worker's share of every case, on one core."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[given.share % len(cores)]})
    with _scratch(given) as folder:
        stage = Stage()
        for case in CASES:
            if given.case in (None, case.name):
                _kill_case(stage, folder, case, given)


def _kill_case(stage: Stage, folder: Path, case: Case, given: argparse.Namespace) -> None:
    def say(content: dict[str, object]) -> None:
        line = json.dumps(content)
        print(line, flush=True)
        if given.log:
            with given.log.open("a") as file:
                file.write(line + "\n")

    kills = _share(round(case.kills * given.kills / 450), given)
    moments = _share(round(case.moments * given.moments / 50), given)
    if kills + moments == 0:
        return
    chance = random.Random(f"{given.seed} {given.share} {case.name}")
    lab = _Lab(stage, folder, case)
    say({"case": case.name, "changes": lab.changes})
    for outcome in itertools.chain(lab.kill_before_changes(kills, chance), lab.kill_at_moments(moments, chance)):
        say(asdict(outcome))


def _share(total: int, given: argparse.Namespace) -> int:
    return len(range(given.share, total, given.workers))


class _Lab:
    """One case: its uninterrupted run, and runs of it that are killed."""

    def __init__(self, stage: Stage, folder: Path, case: Case) -> None:
        self._stage, self._case = stage, case.with_inputs(folder)
        self._places = Places(folder, self._case, self._prepare)
        place = self._places.empty()
        alone = [argument for argument in self._case.arguments if argument != "--overwrite"]
        self._prepare(alone, place)
        self._expected = contents(place / OUT)
        place = self._places.ready()
        self.changes = self._prepare(self._case.arguments, place)
        if wrong := differences(contents(place / OUT), self._expected):
            raise SystemExit(f"{case.name}, uninterrupted, ends differently each time: {wrong}")
        self._duration_s = 0.0

    def _prepare(self, arguments: Sequence[str], place: Path) -> int:
        ended = self._stage.run(arguments, place)
        if ended.code:
            raise SystemExit(f"digitlab {' '.join(arguments)} ended with {ended.code}:\n{ended.errors[-2000:]}")
        return len(ended.changes)

    def kill_before_changes(self, kills: int, chance: random.Random) -> Iterator[Outcome]:
        """Runs with `kills` kills in all, the first half of them on runs that are killed ten times."""
        left = kills
        while left > 0:
            many = min(MANY, left) if left > kills // 2 else 1
            most = max(1, self.changes if many == 1 else self.changes // 4)
            plan = [Kill(chance.randint(1, most), tree=chance.random() < 0.5) for _ in range(many)]
            outcome = self.run(plan)
            left -= max(1, len(outcome.kills))
            yield outcome

    def run(self, plan: Sequence[Kill]) -> Outcome:
        """One run, killed as planned for as long as it does not end before."""
        place, outcome = self._places.ready(), Outcome(self._case.name, "change")
        code, output = -1, ""
        for kill in [*plan, None]:
            ended = self._stage.run(self._case.arguments, place, kill)
            if not ended.killed:
                code, output = ended.code, ended.errors
                break
            outcome.kills.append(str(kill))
            outcome.before.append(_call(ended.changes[kill.at - 1], place))
        self._stage.settle()
        return self._judge(outcome, place, code, output)

    def kill_at_moments(self, kills: int, chance: random.Random) -> Iterator[Outcome]:
        """Real commands, each killed once with its workers."""
        if kills:
            place, started = self._places.ready(), time.perf_counter()
            self._start(place).communicate()
            self._duration_s = time.perf_counter() - started
        for _ in range(kills):
            place, moment_s = self._places.ready(), chance.uniform(0.0, self._duration_s)
            outcome = Outcome(self._case.name, "moment", [f"{moment_s:.2f}s"])
            process = self._start(place)
            try:
                output, _ = process.communicate(timeout=moment_s)
                yield self._judge(outcome, place, process.returncode, output)  # it was quicker than the kill
                continue
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
            again = self._start(place)
            output, _ = again.communicate()
            yield self._judge(outcome, place, again.returncode, output)

    def _start(self, place: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "digitlab", *self._case.arguments]
        return subprocess.Popen(
            command, cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )

    def _judge(self, outcome: Outcome, place: Path, code: int, output: str) -> Outcome:
        outcome.wrong = differences(contents(place / OUT), self._expected)
        # It may be killed after it had finished and before it ended.
        if code != 0 and not (FINISHED in output and not outcome.wrong):
            outcome.wrong.insert(0, "it did not end" if code == -signal.SIGKILL else f"exit code {code}")
            outcome.said = " / ".join(output.strip().splitlines()[-2:])
        shutil.rmtree(place)
        return outcome


def _call(change: object, place: Path) -> str:
    path = getattr(change, "path", "")
    return f"{getattr(change, 'call', '')} {os.path.relpath(path, place)}"


def _repeat(given: argparse.Namespace) -> None:
    """One run with chosen kills."""
    if given.case is None:
        raise SystemExit("expected --case NAME beside --at")
    case = next(case for case in CASES if case.name == given.case)
    plan = [Kill(int(text.partition(":")[0]), tree=":" not in text) for text in given.at.split(",")]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with _scratch(given) as folder:
        lab = _Lab(Stage(), folder, case)
        print(f"{lab.changes} changes uninterrupted")
        print(json.dumps(asdict(lab.run(plan)), indent=1))


class _scratch:  # noqa: N801 - used as a function
    """A folder with the inputs, removed afterwards."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="digitlab-kills-", dir=given.folder)).resolve()

    def __enter__(self) -> Path:
        write_inputs(self._folder)
        return self._folder

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _section(given: argparse.Namespace, outcomes: Sequence[Outcome], counts: dict[str, int], duration_s: float) -> str:
    rows = [_row(case.name, [o for o in outcomes if o.case == case.name], counts.get(case.name, 0)) for case in CASES]
    kills = sum(len(outcome.kills) for outcome in outcomes)
    exact = sum(not outcome.wrong for outcome in outcomes)
    wrong = Counter(_kind(outcome) for outcome in outcomes if outcome.wrong)
    lines = [f"- {kind}: {count} {'run' if count == 1 else 'runs'}" for kind, count in wrong.most_common()]
    head = " ".join(["python benchmarks/kills.py", *(a for a in sys.argv[1:] if not a.startswith("/"))])
    return f"""\
Each command was killed (SIGKILL) and run again until it ended: immediately before the n-th change of a file, n drawn
uniformly from the changes of the uninterrupted command, and at uniformly drawn moments of the real command, imports
included. A change is a system call that creates, writes, cuts, renames or removes a file or a folder of the run,
counted over the command and its workers in one order; a seccomp filter stops the process before it. Half of the kills
end the workers too; otherwise they outlive their command, which is run again at once. Half of the kills fall on runs
that are killed ten times. {TRAIN_IMAGES} training images, {TEST_IMAGES} test images, {PICTURES} pictures, one core per
run.

Exact: the last run's exit code is 0, and the folder has the same files as after an uninterrupted command, no temporary
file among them, with the same weights, optimizer state, history, trials, scores, predictions and answers; durations
and dates aside ([injection/compare.py](injection/compare.py)). {exact} of {len(outcomes)} runs with {kills} kills ended
exactly.

| command | changes of files | kills before a change | kills at a moment | runs | most kills of a run | exact |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

{chr(10).join(lines) if lines else "No run ended in another way."}

{duration_s / 60:.0f} minutes with {given.workers} workers of one core each.

{machine_line(("tensorflow", "keras", "keras-tuner", "onnxruntime", "pyarrow", "numpy"))}
Command: `{head}`"""


def _row(name: str, outcomes: Sequence[Outcome], changes: int) -> str:
    before = sum(len(o.kills) for o in outcomes if o.kind == "change")
    moments = sum(o.kind == "moment" for o in outcomes)
    most = max((len(o.kills) for o in outcomes), default=0)
    exact = sum(not o.wrong for o in outcomes)
    return f"| `{name}` | {changes:,} | {before} | {moments} | {len(outcomes)} | {most} | {exact} |"


def _kind(outcome: Outcome) -> str:
    """What is wrong with a run, without what is chance in it."""
    return f"{outcome.case}: {', '.join(outcome.wrong[:3])}{', …' if len(outcome.wrong) > 3 else ''}"


if __name__ == "__main__":
    main()
