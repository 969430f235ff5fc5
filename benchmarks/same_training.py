"""Is the compiled epoch the same training as plain `fit`? Many seeds each, the document's procedure, test scores.

    python benchmarks/same_training.py [--data mnist] [--seeds 20]

The rows stand in same_training.csv; rows that are there are not measured again (delete the file to begin
anew). It rewrites the section "The same training" of RESULTS.md. Seconds are not measured here, so that
there is a lane for every core, each run keeping to its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import queue
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scipy.stats import t

from results import machine_line, write_section

ROWS = Path(__file__).with_suffix(".csv")
COLUMNS = ("side", "seed", "epochs", "validation_accuracy", "test_accuracy", "test_loss")
OURS, PLAIN, SEEDED = "digitlab", "plain fit", "plain fit after set_random_seed"
# Enough to show that seeding TensorFlow makes `fit` another training; see peers/common.py.
SEEDED_SEEDS = 8


def measure_ours(data: str, seed: int, core: int) -> dict[str, float]:
    """One run of the command line, in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "digitlab", "train", "--preset", "document", "--data", data]
        command += ["--seed", str(seed), "--json", "--out", f"{folder}/run"]
        summary = json.loads(run(command, core))
    return {
        "epochs": summary["epochs"],
        "validation_accuracy": summary["validation"]["accuracy"],
        "test_accuracy": summary["test"]["accuracy"],
        "test_loss": summary["test"]["loss"],
    }


def measure_plain(data: str, seed: int, core: int, *more: str) -> dict[str, float]:
    """One process of plain Keras."""
    script = Path(__file__).parent / "peers" / "plain_procedure.py"
    command = [sys.executable, str(script), "--data", data, "--seed", str(seed), "--most-epochs", "50", *more]
    return dict(json.loads(run(command, core).splitlines()[-1]))


def run(command: list[str], core: int) -> str:
    """Standard output of a command that must succeed, kept to one core."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    os.sched_setaffinity(process.pid, {core})
    output, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return output


def read_rows() -> list[dict[str, str]]:
    """What has been measured so far."""
    if not ROWS.exists():
        return []
    with ROWS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def add_row(side: str, seed: int, scores: dict[str, float]) -> None:
    """Keep one measurement."""
    new = not ROWS.exists()
    with ROWS.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow({"side": side, "seed": seed, **{k: round(v, 6) for k, v in scores.items()}})
    print(side, seed, scores, file=sys.stderr)


def welch_interval(a: list[float], b: list[float]) -> tuple[float, float]:
    """95 % interval of the difference of two means with unequal variances (Welch 1947)."""
    var_a, var_b = statistics.variance(a) / len(a), statistics.variance(b) / len(b)
    freedom = (var_a + var_b) ** 2 / (var_a**2 / (len(a) - 1) + var_b**2 / (len(b) - 1))
    half = t.ppf(0.975, freedom) * math.sqrt(var_a + var_b)
    difference = statistics.mean(a) - statistics.mean(b)
    return difference - half, difference + half


def body(rows: list[dict[str, str]], data: str) -> str:
    """The section's text."""
    sides = {side: [row for row in rows if row["side"] == side] for side in (OURS, PLAIN, SEEDED)}
    lines = [
        "| | seeds | epochs | validation accuracy | test accuracy | test loss |",
        "|---|---|---|---|---|---|",
    ]
    for side, own in sides.items():
        cells = [side, str(len(own)), f"{statistics.mean(float(r['epochs']) for r in own):.1f}"]
        for name, scale, unit in (
            ("validation_accuracy", 100, " %"),
            ("test_accuracy", 100, " %"),
            ("test_loss", 1, ""),
        ):
            values = [scale * float(row[name]) for row in own]
            digits = 2 if unit else 4
            cells.append(f"{statistics.mean(values):.{digits}f}{unit} ± {statistics.stdev(values):.{digits}f}")
        lines.append(f"| {' | '.join(cells)} |")
    accuracies = [[100 * float(row["test_accuracy"]) for row in sides[side]] for side in (OURS, PLAIN)]
    low, high = welch_interval(*accuracies)
    contains = "contains" if low <= 0 <= high else "does not contain"
    table = "\n".join(lines)
    return f"""
The document's procedure, 784-256-128-10 at batch 32 with early stopping, once by `digitlab train` and once by
`Sequential.fit` with Keras' own callbacks, each seed with its own stratified split. Mean ± standard deviation
over seeds, every run on one thread; the rows are in same_training.csv.

{table}

Difference of the mean test accuracies: {accuracies_difference(accuracies):+.3f} points, 95 % interval
{low:+.3f} to {high:+.3f} (Welch), which {contains} 0.

`keras.utils.set_random_seed` is not called in the second row: on the TensorFlow backend it makes `fit` see
every epoch in the same order, as the third row shows.

{machine_line(("tensorflow", "keras", "numpy"))}
Command: `python benchmarks/same_training.py --data {data} --seeds {max(len(own) for own in sides.values())}`
"""


def accuracies_difference(accuracies: list[list[float]]) -> float:
    """Ours less plain fit's, in points."""
    return statistics.mean(accuracies[0]) - statistics.mean(accuracies[1])


def main() -> None:
    """Measure what is missing and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    done = {(row["side"], int(row["seed"])) for row in read_rows()}
    seeds = {PLAIN: options.seeds, OURS: options.seeds, SEEDED: min(options.seeds, SEEDED_SEEDS)}
    wanted = [(side, seed) for seed in range(options.seeds) for side in seeds if seed < seeds[side]]
    missing = [job for job in wanted if job not in done]

    measures = {
        OURS: measure_ours,
        PLAIN: measure_plain,
        SEEDED: lambda data, seed, core: measure_plain(data, seed, core, "--set-random-seed"),
    }
    cores: queue.Queue[int] = queue.Queue()
    for core in sorted(os.sched_getaffinity(0)):
        cores.put(core)

    def measure(job: tuple[str, int]) -> None:
        side, seed = job
        core = cores.get()
        try:
            add_row(side, seed, measures[side](options.data, seed, core))
        finally:
            cores.put(core)

    with ThreadPoolExecutor(cores.qsize()) as lanes:
        list(lanes.map(measure, missing))
    write_section("The same training", body(read_rows(), options.data))


if __name__ == "__main__":
    main()
