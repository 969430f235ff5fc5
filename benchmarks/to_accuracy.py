"""Seconds to an accuracy on held-out images: the recipe of the preset `default` beside its peers."""

from __future__ import annotations

import sys

from courses import Ran, reached, run_peer
from results import machine_line, spread, write_section

GOALS = (0.98, 0.99, 0.9925)
OURS = {"digitlab, preset `default`": ("recipe.py", {})}
BATCH_SIZE = 128
PACKAGES = ("tensorflow", "keras", "jax", "scikit-learn", "torch", "numpy")


def measure_to_accuracy(peers: dict[str, tuple[str, dict[str, str]]], data: str, seeds: int, most_epochs: int) -> None:
    """Run everything in turn, and write the section "To an accuracy".

    Args:
        peers: Name to script and environment.
        data: The data set.
        seeds: Rounds.
        most_epochs: After how many a peer is given up; the recipe has as many as it has.
    """
    everyone = {**OURS, **peers}
    found: dict[str, list[Ran]] = {name: [] for name in everyone}
    for seed in range(seeds):
        for name, (script, environment) in everyone.items():
            arguments = ["--data", data, "--batch-size", str(BATCH_SIZE), "--seed", str(seed)]
            arguments += ["--most-epochs", str(most_epochs), "--goal", str(max(GOALS))]
            if (ran := run_peer(script, environment, arguments)) is not None:
                found[name].append(ran)
                print(f"to {max(GOALS)} seed {seed} {name}: {ran.elapsed[-1]:.1f} s", file=sys.stderr)
    write_section("To an accuracy", words(found, seeds, most_epochs))


def words(found: dict[str, list[Ran]], seeds: int, most_epochs: int) -> str:
    """The section."""
    goals = " | ".join(f"s to {100 * goal:g} %" for goal in GOALS)
    lines = [f"| | {goals} | best accuracy | epochs | all of it, s |", f"|---|{'---|' * (len(GOALS) + 3)}"]
    for name, rows in found.items():
        cells = [name, *(reached([row.first_at(goal) for row in rows]) for goal in GOALS)]
        cells.append(", ".join(f"{100 * max(row.accuracies):.2f}" for row in rows) + " %")
        cells.append(", ".join(str(len(row.seconds)) for row in rows))
        cells.append(spread([row.elapsed[-1] for row in rows], 1))
        lines.append(f"| {' | '.join(cells)} |")
    return f"""
784-256-128-10 at batch {BATCH_SIZE}, 54,000 images to train on, 6,000 to validate on after every epoch; {seeds} seeds.
Medians, with minimum and maximum, of those that got there. Seconds count from the start of the script, with imports and
compiling. A training ends at {100 * max(GOALS):g} %, or after its schedule's last epoch; the peers, at a constant rate
and on the images as they are, after {most_epochs}.

{machine_line(PACKAGES)}
Command: `python benchmarks/train.py --sections accuracy --seeds {seeds}`

{chr(10).join(lines)}
"""
