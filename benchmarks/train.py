"""Training speed beside its peers: one network, one split, every peer a process of its own, in turn.

    python benchmarks/train.py [--data mnist] [--seeds 3] [--batch-sizes 32 128]

Leave the machine alone while it runs. It rewrites the sections "Training" and "To an accuracy" of RESULTS.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence

import numpy as np

from courses import Ran, reached, run_peer
from results import machine_line, spread, write_section
from to_accuracy import measure_to_accuracy

PEERS = {
    "digitlab, compiled epoch": ("compiled_epoch.py", {}),
    "Keras on TensorFlow, plain `fit`": ("plain_fit.py", {"KERAS_BACKEND": "tensorflow"}),
    "Keras on JAX, plain `fit`": ("plain_fit.py", {"KERAS_BACKEND": "jax"}),
    "scikit-learn `MLPClassifier`": ("sklearn_mlp.py", {}),
    "PyTorch loop": ("torch_loop.py", {}),
}
OURS = next(iter(PEERS))
EPOCHS_TO_ACCURACY = 25
WEIGHTS = ((784, 256), (256, 128), (128, 10))


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


def epoch_seconds(rows: Sequence[Ran]) -> list[float]:
    """The median epoch of each, without the first one, which compiles."""
    return [statistics.median(row.seconds[1:]) for row in rows]


def table(measured: dict[str, list[Ran]], rate: float) -> str:
    """The rows of one batch size."""
    lines = [
        "| | s an epoch | times ours | s to 97.5 % | s to 98 % | whole process, s | peak MiB | share of product rate |",
        "|---|---|---|---|---|---|---|---|",
    ]
    ours = epoch_seconds(measured.get(OURS, []))
    for name, rows in measured.items():
        epochs = epoch_seconds(rows)
        ratios = [theirs / own for theirs, own in zip(epochs, ours, strict=False)]
        share = epoch_flops(54_000) / statistics.median(epochs) / rate
        cells = (
            name,
            spread(epochs),
            spread(ratios, 1),
            reached([row.first_at(0.975) for row in rows]),
            reached([row.first_at(0.98) for row in rows]),
            spread([row.process_s for row in rows], 1),
            spread([row.peak_mib for row in rows], 0),
            f"{100 * share:.0f} %",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sections", nargs="+", choices=("training", "accuracy"), default=["training", "accuracy"])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--most-epochs", type=int, default=8, help="of a peer, in the section on training")
    options = parser.parse_args()
    if "training" in options.sections:
        measure_training(options)
    if "accuracy" in options.sections:
        peers = {name: peer for name, peer in PEERS.items() if name != OURS}
        measure_to_accuracy(peers, options.data, options.seeds, EPOCHS_TO_ACCURACY)


def measure_training(options: argparse.Namespace) -> None:
    """Measure and write the section "Training"."""
    rates, sections = [matrix_product_rate()], []
    for batch_size in options.batch_sizes:
        measured: dict[str, list[Ran]] = {name: [] for name in PEERS}
        for seed in range(options.seeds):  # in turn, so that the machine's drift meets all alike
            for name, (script, environment) in PEERS.items():
                arguments = ["--data", options.data, "--batch-size", str(batch_size), "--seed", str(seed)]
                arguments += ["--most-epochs", str(options.most_epochs)]
                if (row := run_peer(script, environment, arguments)) is not None:
                    measured[name].append(row)
                    print(
                        f"batch {batch_size} seed {seed} {name}: {epoch_seconds([row])[0]:.3f} s an epoch",
                        file=sys.stderr,
                    )
            rates.append(matrix_product_rate())
        rate = statistics.median(rates)
        there = {name: rows for name, rows in measured.items() if rows}
        floor = epoch_flops(54_000) / rate
        sections.append(
            f"Batch {batch_size}; floor of an epoch {floor:.3f} s, ours "
            f"{statistics.median(epoch_seconds(there[OURS])) / floor:.2f} times it.\n\n{table(there, rate)}"
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
