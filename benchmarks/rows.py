"""The rows of a benchmark that goes on where it stopped: a CSV file beside its script."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

Rows = dict[tuple[str, ...], dict[str, float]]


def read_rows(path: Path, keys: Sequence[str]) -> Rows:
    """Rows of earlier runs: the text of the columns `keys`, and the numbers of all others by name."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {
            tuple(row[key] for key in keys): {name: float(value) for name, value in row.items() if name not in keys}
            for row in csv.DictReader(file)
        }


def write_rows(path: Path, keys: Sequence[str], rows: Rows) -> None:
    """Keep them, in the order of their keys."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*keys, *next(iter(rows.values()))], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**dict(zip(keys, key, strict=True)), **row} for key, row in sorted(rows.items()))
