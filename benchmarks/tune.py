"""The document's search beside stock KerasTuner's: the same space, plan, split and batch size, in turn.

    python benchmarks/tune.py [--data mnist] [--seeds 3]

Leave the machine alone while it runs; a stock search takes about ten minutes. Each search's row is kept in
tune.csv, and one that is there is not run again: remove the file to measure anew. It rewrites the section
"Search" of RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from results import machine_line, spread, write_section
from rows import read_rows, write_rows

PEERS = {"digitlab": "our_search.py", "KerasTuner, stock": "stock_search.py"}
OURS, STOCK = PEERS
ROWS = Path(__file__).with_suffix(".csv")
KEYS = ("seed", "name")


def search(script: str, data: str, seed: int) -> dict[str, float]:
    """One search in a process of its own."""
    command = [sys.executable, str(Path(__file__).parent / "peers" / script), "--data", data, "--seed", str(seed)]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run(command, capture_output=True, text=True, env=environment)
    if process.returncode:
        raise SystemExit(f"{script} failed: {process.stderr[-800:]}")
    return json.loads(process.stdout.splitlines()[-1])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows = read_rows(ROWS, KEYS)
    for seed in range(options.seeds):  # in turn, so that the machine's drift meets both alike
        for name, script in PEERS.items():
            if (str(seed), name) not in rows:
                rows[str(seed), name] = search(script, options.data, seed)
                write_rows(ROWS, KEYS, rows)
                print(f"seed {seed} {name}: {rows[str(seed), name]}", file=sys.stderr)
    found = {name: [rows[str(seed), name] for seed in range(options.seeds)] for name in PEERS}
    write_section("Search", words(found, options.seeds))


def words(found: dict[str, list[dict[str, float]]], seeds: int) -> str:
    """The section."""
    ratios = [stock["search_s"] / own["search_s"] for stock, own in zip(found[STOCK], found[OURS], strict=True)]
    gap = [
        100 * (own["validation_accuracy"] - stock["validation_accuracy"])
        for stock, own in zip(found[STOCK], found[OURS], strict=True)
    ]
    rows = [
        f"| {name} | {spread([r['search_s'] for r in runs], 1)} | {runs[0]['trials']:.0f} | {runs[0]['epochs']:.0f} | "
        f"{100 * statistics.fmean(r['validation_accuracy'] for r in runs):.2f} % "
        f"({', '.join(f'''{100 * r['validation_accuracy']:.2f}''' for r in runs)}) |"
        for name, runs in found.items()
    ]
    return f"""
The document's space (two hidden layers of 32 to 256 units, step 32; learning rates 0.005, 0.001, 0.0001) by
Hyperband with `max_epochs` 10, factor 3, batch 32, on 54,000 images, 6,000 to validate on; {seeds} seeds, each with
its own stratified split. Medians, with minimum and maximum. digitlab's seconds count from the first line of its
script, with imports and the start of its lanes; KerasTuner's are those of `tuner.search` alone. The accuracy is the
best trial's, best epoch, as both report it.

| | s | trials | epochs | best validation accuracy |
|---|---|---|---|---|
{chr(10).join(rows)}

digitlab is {spread(ratios, 1)} times as quick, by seed; how long a search takes depends also on the widths that it
happens to draw. Its best validation accuracy is
{statistics.fmean(gap):+.2f} points from the stock one's on average ({", ".join(f"{g:+.2f}" for g in gap)}).

{machine_line(("tensorflow", "keras", "keras-tuner", "numpy"))}
Command: `python benchmarks/tune.py --data mnist --seeds {seeds}`
"""


if __name__ == "__main__":
    main()
