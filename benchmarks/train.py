"""Training speed beside its peers: one network, one split, every peer a process of its own, in turn.

    python benchmarks/train.py [--data mnist] [--seeds 3] [--batch-sizes 32 128]

Leave the machine alone while it runs. It rewrites the section "Training" of RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from results import machine_line, spread, write_section

PEERS = {
    "digitlab, compiled epoch": ("compiled_epoch.py", {}),
    "Keras on TensorFlow, plain `fit`": ("plain_fit.py", {"KERAS_BACKEND": "tensorflow"}),
    "Keras on JAX, plain `fit`": ("plain_fit.py", {"KERAS_BACKEND": "jax"}),
    "scikit-learn `MLPClassifier`": ("sklearn_mlp.py", {}),
    "PyTorch loop": ("torch_loop.py", {}),
}
OURS = next(iter(PEERS))
WEIGHTS = ((784, 256), (256, 128), (128, 10))


@dataclass(frozen=True)
class Measurement:
    """One peer's process: seconds an epoch, seconds to two accuracies, the whole process."""

    epoch_s: float
    to_975_s: float | None
    to_98_s: float | None
    process_s: float
    peak_mib: float


def epoch_flops(count: int) -> float:
    """Products of one epoch's forward and backward pass, without the first layer's input gradient."""
    forward = sum(2 * rows * columns for rows, columns in WEIGHTS)
    return count * (3 * forward - 2 * WEIGHTS[0][0] * WEIGHTS[0][1])


def matrix_product_rate() -> float:
    """float32 products in FLOP/s: median of nine of 2048 x 2048, by NumPy with all cores."""
    a = np.random.default_rng(0).random((2048, 2048), dtype=np.float32)
    durations = []
    for _ in range(12):
        started = time.perf_counter()
        a @ a
        durations.append(time.perf_counter() - started)
    return 2 * 2048**3 / statistics.median(durations[3:])


def measure(script: str, environment: dict[str, str], options: list[str]) -> Measurement | None:
    """Run one peer; `None` (and why, on standard error) if it fails."""
    command = [sys.executable, str(Path(__file__).parent / "peers" / script), *options]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors, env={**os.environ, **environment})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            print(f"{script} failed: {errors.read().decode()[-400:]}", file=sys.stderr)
            return None
        course = json.loads(output.read().decode().splitlines()[-1])
    return Measurement(
        statistics.median(course["seconds"][1:]),  # the first epoch compiles
        first_at(course, 0.975),
        first_at(course, 0.98),
        seconds,
        usage.ru_maxrss / 1024,
    )


def first_at(course: dict[str, list[float]], accuracy: float) -> float | None:
    """Seconds from the start of the script, imports included, to the first epoch of that accuracy."""
    pairs = zip(course["elapsed"], course["accuracies"], strict=True)
    return next((elapsed for elapsed, reached in pairs if reached >= accuracy), None)


def table(measured: dict[str, list[Measurement]], rate: float) -> str:
    """The rows of one batch size."""
    lines = [
        "| | s an epoch | times ours | s to 97.5 % | s to 98 % | whole process, s | peak MiB | share of product rate |",
        "|---|---|---|---|---|---|---|---|",
    ]
    ours = measured.get(OURS, [])
    for name, rows in measured.items():
        epochs = [row.epoch_s for row in rows]
        ratios = [row.epoch_s / own.epoch_s for row, own in zip(rows, ours, strict=False)]
        share = epoch_flops(54_000) / statistics.median(epochs) / rate
        cells = (
            name,
            spread(epochs),
            spread(ratios, 1),
            reached([row.to_975_s for row in rows]),
            reached([row.to_98_s for row in rows]),
            spread([row.process_s for row in rows], 1),
            spread([row.peak_mib for row in rows], 0),
            f"{100 * share:.0f} %",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def reached(seconds: list[float | None]) -> str:
    """Median of those that got there, and how many did where not all."""
    there = [s for s in seconds if s is not None]
    return spread(there, 1) + ("" if len(there) == len(seconds) else f", {len(there)} of {len(seconds)}")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--most-epochs", type=int, default=8)
    options = parser.parse_args()
    rates, sections = [matrix_product_rate()], []
    for batch_size in options.batch_sizes:
        measured: dict[str, list[Measurement]] = {name: [] for name in PEERS}
        for seed in range(options.seeds):  # in turn, so that the machine's drift meets all alike
            for name, (script, environment) in PEERS.items():
                arguments = ["--data", options.data, "--batch-size", str(batch_size), "--seed", str(seed)]
                arguments += ["--most-epochs", str(options.most_epochs)]
                if (row := measure(script, environment, arguments)) is not None:
                    measured[name].append(row)
                    print(f"batch {batch_size} seed {seed} {name}: {row}", file=sys.stderr)
            rates.append(matrix_product_rate())
        rate = statistics.median(rates)
        there = {name: rows for name, rows in measured.items() if rows}
        floor = epoch_flops(54_000) / rate
        sections.append(
            f"Batch {batch_size}; floor of an epoch {floor:.3f} s, ours "
            f"{statistics.median(r.epoch_s for r in there[OURS]) / floor:.2f} times it.\n\n{table(there, rate)}"
        )
    packages = ("tensorflow", "keras", "jax", "scikit-learn", "torch", "numpy")
    command = f"python benchmarks/train.py --data mnist --seeds {options.seeds} --most-epochs {options.most_epochs}"
    words = f"""
784-256-128-10, Adam at 0.001, 54,000 images to train on and 6,000 to validate on after every epoch;
{options.seeds} seeds. Medians, with minimum and maximum. An epoch is training and validation; the first
one, which compiles, counts in the seconds to an accuracy and in the whole process, as imports do. "Times
ours" is the ratio within one seed's round. Every process trains at least three epochs and ends at 98 % or
after {options.most_epochs}. The floor is the epoch's matrix products at the rate of NumPy's own,
{rate / 1e9:.0f} GFLOP/s here.

{machine_line(packages)}
Command: `{command} --batch-sizes {" ".join(map(str, options.batch_sizes))}`
"""
    write_section("Training", words.strip() + "\n\n" + "\n\n".join(sections))


if __name__ == "__main__":
    main()
