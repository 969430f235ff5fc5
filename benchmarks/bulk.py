"""Predicting ten million images on Ray beside a plain loop: throughput, memory, and what a kill costs.

    python benchmarks/bulk.py

The images are MNIST's training images, shifted, in IDX files of 500,000 (8 GB, made once in --folder). Ray is started
before anything is timed, with its object store held to 512 MB. Then `digitlab predict --engine ray` and the plain loop
(peers/plain_bulk.py) take turns, each a process of its own from its start to its end. At last the command is killed in
the middle and run again. It rewrites the section "Bulk" of RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

import digitlab
from ray_node import Node, ray_node
from results import machine_line, spread, write_section
from wild import find_wild

PEER = Path(__file__).parent / "peers" / "plain_bulk.py"
FILE_ROWS = 500_000
OBJECT_STORE_BYTES = 512_000_000
ROUNDS = 3
# Of the real pictures, so that there is something to spread.
COPIES = 4


def main() -> None:
    """Make the images, run everything, write the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "digitlab-bulk")
    parser.add_argument("--note", default="", help="a sentence on the circumstances, such as what else ran meanwhile")
    options = parser.parse_args()
    images = options.folder / f"images-{options.images}"
    make_images(images, options.images)
    results = options.folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir()
    with ray_node(OBJECT_STORE_BYTES) as node:
        rounds = [one_round(node, images, results, number) for number in range(options.rounds)]
        killed = kill_and_go_on(node, images, results / "killed", options.images)
        reading = read_pictures(node, results)
    write_section("Bulk", words(options, rounds, killed, reading))


def make_images(folder: Path, count: int) -> None:
    """MNIST's training images, every copy shifted by another number of pixels, in IDX files."""
    source = digitlab.load_dataset("mnist").train.images
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, count, FILE_ROWS)):
        path = folder / f"{number:03d}-images-idx3-ubyte"
        rows = min(FILE_ROWS, count - start)
        if path.exists() and path.stat().st_size == 16 + rows * 784:
            continue
        with path.open("wb") as file:
            file.write(struct.pack(">4I", 0x0803, rows, 28, 28))
            for copy, first in enumerate(range(0, rows, len(source))):
                shift = (number * 9 + copy) % 5 - 2
                file.write(np.roll(source[: rows - first], shift, axis=copy % 2 + 1).tobytes())


def one_round(node: Node, images: Path, results: Path, number: int) -> dict[str, float]:
    """Both once; seconds of each, and the most memory of ours."""
    ours, plain = results / f"ours-{number}", results / f"plain-{number}"
    started = time.perf_counter()
    process = subprocess.Popen(predict(node, images, ours), stdout=subprocess.DEVNULL)
    most_mib = node.watch(process)
    ours_s = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"the command ended with {process.returncode}")
    started = time.perf_counter()
    subprocess.run([sys.executable, str(PEER), str(images), str(plain)], check=True)
    plain_s = time.perf_counter() - started
    same = labels(ours) == labels(plain)
    for folder in (ours, plain):
        shutil.rmtree(folder)
    print(f"{ours_s:.1f} s, plain {plain_s:.1f} s, {most_mib:.0f} MiB, the same labels: {same}", file=sys.stderr)
    return {"ours_s": ours_s, "plain_s": plain_s, "most_mib": most_mib, "same": same}


def kill_and_go_on(node: Node, images: Path, out: Path, count: int) -> dict[str, Any]:
    """Kill the command when half of the parts are there, and run it again; every row must be there once."""
    parts = sum(-(-min(FILE_ROWS, count - start) // 100_000) for start in range(0, count, FILE_ROWS))
    process = subprocess.Popen(predict(node, images, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(out.glob("part-*.parquet"))) < parts // 2:
        if process.poll() is not None:
            raise SystemExit("expected the command to be killed, but it had ended")
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    told = subprocess.run(predict(node, images, out), check=True, capture_output=True, text=True)
    outcome = json.loads(told.stdout)
    seen: dict[str, np.ndarray] = {}
    for path in sorted(out.glob("part-*.parquet")):
        table = pq.read_table(path, columns=["file", "index"])
        (name,) = table["file"].unique().to_pylist()
        seen.setdefault(name, np.zeros(FILE_ROWS, np.int64))
        np.add.at(seen[name], table["index"].to_numpy(), 1)
    rows = sum(int(one.sum()) for one in seen.values())
    twice = sum(int((one > 1).sum()) for one in seen.values())
    shutil.rmtree(out)
    return {"parts": outcome["parts"], "kept": outcome["kept_parts"], "missing": count - rows + twice, "twice": twice}


def read_pictures(node: Node, results: Path) -> dict[str, float]:
    """Pictures a second of both engines, over copies of real ones; nothing where they are not at hand."""
    wild = find_wild()
    if wild is None:
        return {}
    folder = results / "pictures"
    folder.mkdir()
    found = [*sorted(wild.glob("cheque_amounts/*.jpg")), *sorted(wild.glob("drawings/*.png"))]
    for copy in range(COPIES):
        for path in found:
            shutil.copy(path, folder / f"{copy}-{path.name}")
    rates: dict[str, float] = {"pictures": COPIES * len(found)}
    for engine in ("local", "ray"):
        more = ["--engine", "ray", "--address", node.address] if engine == "ray" else []
        command = [sys.executable, "-m", "digitlab", "read", str(folder), "--out", str(results / engine), "--json"]
        told = subprocess.run([*command, *more], check=True, capture_output=True, text=True)
        rates[engine] = rates["pictures"] / json.loads(told.stdout)["duration_s"]
    return rates


def predict(node: Node, images: Path, out: Path) -> list[str]:
    """The command."""
    command = [sys.executable, "-m", "digitlab", "predict", str(images), "--out", str(out), "--json"]
    return [*command, "--engine", "ray", "--address", node.address]


def labels(folder: Path) -> list[int]:
    """How many images got each label: enough to see that both predicted the same."""
    counts = np.zeros(10, np.int64)
    for path in folder.glob("part-*.parquet"):
        codes = pq.read_table(path, columns=["label"])["label"].combine_chunks()
        counts += np.bincount(codes.indices.to_numpy(), minlength=10)
    return counts.tolist()


def words(options: argparse.Namespace, rounds: list[dict], killed: dict[str, Any], reading: dict[str, float]) -> str:
    """The section."""
    ours, plain = ([one[name] for one in rounds] for name in ("ours_s", "plain_s"))
    ratios = [p / o for o, p in zip(ours, plain, strict=True)]
    memory = [one["most_mib"] / 1024 for one in rounds]
    read = (
        f"\nReading {reading['pictures']:,.0f} pictures (amounts on cheques and drawings of single digits, "
        f"{COPIES} copies of each), from the first\npart to the last: {reading['local']:.0f} a second in this process, "
        f"{reading['ray']:.0f} on Ray with both cores, so that a million take {1e6 / reading['local'] / 3600:.1f} and "
        f"{1e6 / reading['ray'] / 3600:.1f} hours.\n"
        if reading
        else ""
    )
    return f"""
{options.images:,} MNIST-format images (MNIST's training images, shifted) in IDX files of {FILE_ROWS:,}, by the shipped
network, into Parquet with the probabilities of all classes; {len(rounds)} rounds, both in turn, each a process from
its start to its end; Ray with 2 CPUs and an object store of 512 MB was started before. The plain loop reads the same
files with NumPy, runs ONNX Runtime with its own settings (both cores) in chunks of 1,000, and writes the same Parquet.
Median and ends. Memory is the sum of proportional set sizes of the command, Ray's own processes and its workers, once
a second, at most.

| | s | images a second | s a million images | memory, GiB |
|---|---|---|---|---|
| `digitlab predict --engine ray` | {costs(ours, options.images)} | {spread(memory)} |
| plain loop | {costs(plain, options.images)} | |

Throughput, ours to the plain loop's, by round: {spread(ratios)}. Both counted the same labels:
{"yes" if all(one["same"] for one in rounds) else "NO"}. {options.note}

Killed (SIGKILL) in the middle and run again: {killed["kept"]} of {killed["parts"]} parts were kept, {killed["missing"]}
rows missing, {killed["twice"]} twice.
{read}
{machine_line(("ray", "pyarrow", "onnxruntime", "numpy"))}
Command: `python benchmarks/bulk.py --images {options.images} --rounds {len(rounds)}`
"""


def costs(seconds: list[float], images: int) -> str:
    """Seconds, images a second, and seconds a million."""
    rates = spread([images / s for s in seconds], 0)
    return f"{spread(seconds, 1)} | {rates} | {spread([1e6 * s / images for s in seconds])}"


if __name__ == "__main__":
    main()
