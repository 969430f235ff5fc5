"""The document's search on Ray beside the local engine's; and with a machine and the driver lost in the middle.

    python benchmarks/ray_search.py [--data mnist] [--seeds 3]

Ray runs as two nodes of one core each on this machine. Leave the machine alone; it takes some ten minutes. It rewrites
the section "Search on Ray" of RESULTS.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nodes import Nodes
from results import machine_line, spread, write_section

SEARCH = Path(__file__).parent / "peers" / "engine_search.py"
Row = dict[str, float]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    local: list[Row] = []
    on_ray: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed in range(options.seeds):
            local.append(finish(begin(options.data, "local", seed, folder / f"local-{seed}")))
            with Nodes(2) as nodes:
                on_ray.append(finish(begin(options.data, "ray", seed, folder / f"ray-{seed}", nodes.address)))
            print(f"seed {seed}: {local[-1]} and {on_ray[-1]}", file=sys.stderr)
        lost = lose(options.data, folder / "lost", folder / "ray-0")
    write_section("Search on Ray", words(local, on_ray, lost, options))


def begin(data: str, engine: str, seed: int, out: Path, *address: str) -> subprocess.Popen[str]:
    """A search in a process of its own."""
    command = [sys.executable, str(SEARCH), data, engine, str(seed), str(out), *address]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "RAY_USAGE_STATS_ENABLED": "0"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen[str]) -> Row:
    """What it says at its end."""
    out, err = process.communicate()
    if process.returncode:
        raise SystemExit(f"a search failed: {err[-800:]}")
    row: Row = json.loads(out.splitlines()[-1])
    return row


def lose(data: str, out: Path, undisturbed: Path) -> dict[str, int | bool]:
    """SIGKILL to the second node's raylet after six trials, to the driver after twelve, and the same command again."""
    with Nodes(2) as nodes:
        process = begin(data, "ray", 0, out, nodes.address)
        _wait(out, 6, process)
        nodes.kill(1)
        _wait(out, 12, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kept = len(_ended(out))
        row = finish(begin(data, "ray", 0, out, nodes.address))
    return {"kept": kept, "trials": int(row["trials"]), "same": trials(out) == trials(undisturbed)}


def _wait(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    while len(_ended(out)) < count:
        if process.poll() is not None:
            raise SystemExit(f"the search ended too early: {process.communicate()[1][-800:]}")
        time.sleep(0.05)


def _ended(out: Path) -> list[Path]:
    return list(out.glob("search/trial_*/trial.json"))


def trials(out: Path) -> list[dict[str, str]]:
    """The rows of trials.csv, but for how long each took."""
    with (out / "trials.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "duration_s"} for row in csv.DictReader(file)]


def words(local: list[Row], on_ray: list[Row], lost: dict[str, int | bool], options: argparse.Namespace) -> str:
    """The section."""
    ratios = [b["search_s"] / b["epochs"] / (a["search_s"] / a["epochs"]) for a, b in zip(local, on_ray, strict=True)]
    return f"""
The document's space by Hyperband with `max_epochs` 10, factor 3, batch 32, on 54,000 images; {options.seeds} seeds, in
turn. The local engine has two lanes; Ray has two nodes of one core each on this machine, made by `ray start`. Seconds
count from when lanes or Ray's workers are asked for, Ray itself being up; both import TensorFlow within them. Ray's own
Hyperband has fewer and other trials than KerasTuner's, so epochs are compared. Median and ends.

| | trials | epochs | s | s an epoch | finalists, s | best validation accuracy |
|---|---|---|---|---|---|---|
{_row("local", local)}
{_row("Ray", on_ray)}

An epoch on Ray takes {spread(ratios)} times what it takes the local engine, by seed.

With the second node's raylet killed after 6 trials and the driver after 12, the same command went on with
{lost["kept"]} trials that were there and ended with {lost["trials"]} of {int(on_ray[0]["trials"])};
{"all as" if lost["same"] else "NOT as"} in the undisturbed search.

{machine_line(("ray", "tensorflow", "keras", "numpy"))}
Command: `python benchmarks/ray_search.py --data {options.data} --seeds {options.seeds}`
"""


def _row(name: str, rows: list[Row]) -> str:
    an_epoch = [row["search_s"] / row["epochs"] for row in rows]
    accuracies = ", ".join(f"{100 * row['validation_accuracy']:.2f} %" for row in rows)
    finalists = spread([row["finalists_s"] for row in rows], 1)
    seconds = spread([row["search_s"] for row in rows], 1)
    return (
        f"| {name} | {rows[0]['trials']} | {rows[0]['epochs']} | {seconds} | {spread(an_epoch)} | {finalists} "
        f"| {accuracies} |"
    )


if __name__ == "__main__":
    main()
