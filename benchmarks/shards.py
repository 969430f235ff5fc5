"""Training on more than memory holds: eight million images in shards, beside training with all images in memory.

    python benchmarks/shards.py [--images 8000000] [--shard-images 512000] [--folder FOLDER]

Writes plain IDX files of MNIST's training images, each moved by up to two pixels, into FOLDER (6.3 GB; a new folder
under the system's temporary one by default, removed afterwards), and trains the document's network on them for an epoch
in a process of its own, whose anonymous memory is sampled: what it holds itself, and not the file's pages, which the
system may take away at any time. The rate is set against that of training in memory on an eighth of the images. Both
train a second epoch where the first one compiles. Leave the machine alone while it runs. It rewrites the section
"Shards" of RESULTS.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import digitlab
from digitlab.runs import RunFolder
from results import machine_line, write_section

MOST_SHIFT = 2
RECIPE = ("--preset", "document", "--patience", "0", "--validation-fraction", "0")


@dataclass(frozen=True)
class Measured:
    """A training: images an epoch, seconds of each epoch, the most anonymous memory, and what else ran beside it."""

    images: int
    seconds: list[float]
    peak_mib: float
    accuracy: float
    load: float

    @property
    def rate(self) -> float:
        """Images a second of the last epoch."""
        return self.images / self.seconds[-1]


def write_set(folder: Path, images: int) -> None:
    """Four plain IDX files in `folder`: MNIST's test images, and `images` moved ones to train on, written in pieces."""
    mnist = digitlab.load_dataset("mnist")
    _write(folder, "t10k", mnist.test.images, mnist.test.labels, len(mnist.test))
    rng = np.random.default_rng(0)
    for start in range(0, images, len(mnist.train)):
        chosen = rng.permutation(len(mnist.train))[: images - start]
        moved = np.roll(mnist.train.images[chosen], rng.integers(-MOST_SHIFT, MOST_SHIFT + 1, 2), (1, 2))
        _write(folder, "train", moved, mnist.train.labels[chosen], images)


def _write(folder: Path, prefix: str, images: np.ndarray, labels: np.ndarray, count: int) -> None:
    """Append to the pair of files, which begin with the count that they will have in the end."""
    for kind, magic, array in (("images-idx3", 0x803, images), ("labels-idx1", 0x801, labels)):
        with (folder / f"{prefix}-{kind}-ubyte").open("ab") as file:
            if file.tell() == 0:
                file.write(struct.pack(f">{1 + array.ndim}I", magic, count, *array.shape[1:]))
            file.write(array.tobytes())


def measure(data: Path, images: int, epochs: int, shard_images: int) -> Measured:
    """One training by the command line."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "digitlab", "train", "--data", str(data), *RECIPE]
        command += ["--epochs", str(epochs), "--shard-images", str(shard_images), "--out", str(out)]
        with (Path(folder) / "said").open("w+") as said:
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
            peak = max(anonymous_mib(process))
            if process.wait():
                said.seek(0)
                raise SystemExit(f"training failed: {said.read()[-800:]}")
        run = RunFolder(out)
        seconds = [row["duration_s"] for row in run.read_history()]
        return Measured(images, seconds, peak, run.read_record()["test"]["accuracy"], os.getloadavg()[0])


def anonymous_mib(process: subprocess.Popen) -> Iterator[float]:
    """The process's anonymous memory, twenty times a second until it ends."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        # Between poll and read it may end; one that has ended has no such line any more.
        with contextlib.suppress(OSError):
            lines = status.read_text().splitlines()
            yield from (int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))
        time.sleep(0.05)


def main() -> None:
    """Write the sets, train on them, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=8_000_000)
    parser.add_argument("--shard-images", type=int, default=512_000)
    parser.add_argument("--folder", type=Path, help="where the sets are written; they are removed afterwards")
    options = parser.parse_args()
    few = options.images // 8
    with tempfile.TemporaryDirectory(prefix="digitlab-shards-", dir=options.folder) as folder:
        rows = {}
        for name, count, epochs, size in (
            ("in shards", options.images, 1, options.shard_images),
            ("in shards", few, 2, options.shard_images // 8 // 32 * 32),
            ("in memory", few, 2, 0),
        ):
            data = Path(folder) / f"{count}"
            if not data.exists():
                data.mkdir()
                write_set(data, count)
            rows[f"{name}, {count:,} images" + (f", {size:,} at once" if size else "")] = measure(
                data, count, epochs, size
            )
            print(name, count, list(rows.values())[-1], file=sys.stderr)
    write_section("Shards", words(rows, options))


def words(rows: dict[str, Measured], options: argparse.Namespace) -> str:
    """The section."""
    large, *_, reference = rows.values()
    lines = [
        f"| {name} | {', '.join(f'{s:.1f}' for s in row.seconds)} | {row.rate:,.0f} | {row.rate / reference.rate:.2f}"
        f" | {row.peak_mib:,.0f} | {100 * row.accuracy:.2f} % | {row.load:.1f} |"
        for name, row in rows.items()
    ]
    size = options.images * 784 / 1e9
    return f"""
The document's network, 784-256-128-10 at batch 32, on {options.images:,} images of {size:.1f} GB in plain IDX files:
MNIST's training images, each moved by up to two pixels. The first epoch compiles; the rate is that of the last one, for
the large set the first. Anonymous memory is what the process holds itself (`RssAnon`, the highest of 20 samples a
second over the whole command, evaluation and report included); the pages of the file belong to the system. The test
accuracy is that of MNIST's 10,000 test images. The load is the system's average over the last minute of the training:
what it has above 2 or 3 is other work on the same two cores, which all rates suffer from.

| | s an epoch | images a second | of the rate in memory | most anonymous MiB | test accuracy | load |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}

The set would take {options.images * 784 / 2**20:,.0f} MiB; its training in shards took {large.peak_mib:,.0f}.

{machine_line(("tensorflow", "keras", "numpy"))}
Command: `python benchmarks/shards.py --images {options.images} --shard-images {options.shard_images}`
"""


if __name__ == "__main__":
    main()
