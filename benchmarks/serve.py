"""Serving: `digitlab serve` beside a FastAPI app that calls `model.predict`, the same network, machine and client.

    python benchmarks/serve.py [--seconds 10] [--soak-minutes 10]

The server runs on the first core and the client on the second for single images; for batches both have both cores.
It rewrites the section "Serving" of RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import orjson
import psutil

import digitlab
from load import Answers, load, request_of
from results import machine_line, spread, write_section

ROUNDS = 3
CONNECTIONS, FEW = 16, 4
BATCH = 1000
JSON, BYTES = "application/json", "application/octet-stream"
DIGITLAB = [str(Path(sys.executable).with_name("digitlab")), "serve", "--port", "0", "--quiet"]
PEER = Path(__file__).parent / "peers" / "serve_plain.py"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--soak-minutes", type=float, default=10.0)
    options = parser.parse_args()
    images = digitlab.load_dataset("sample").test.images
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "document"
        command = [sys.executable, "-m", "digitlab", "train", "--preset", "document", "--data", options.data]
        subprocess.run([*command, "--out", str(run)], check=True, capture_output=True)
        digitlab.export_onnx(run, run / "model.onnx")
        body = words(run, images, options.seconds, options.soak_minutes)
    write_section("Serving", body)


def words(run: Path, images: np.ndarray, seconds: float, minutes: float) -> str:
    """The section."""
    single = request_of(orjson.dumps({"instances": images[:1].tolist()}), JSON)
    ours: list[Answers] = []
    peer: list[Answers] = []
    half: list[Answers] = []
    for _ in range(ROUNDS):
        with apart(), digitlab_server(run, core=0) as (port, _process):
            ours.append(load(port, single, seconds=seconds, connections=CONNECTIONS))
            half.append(load(port, single, seconds=seconds, connections=CONNECTIONS, rate=ours[-1].rate / 2))
        with apart(), plain_server(run / "model.keras", core=0) as port:
            peer.append(load(port, single, seconds=seconds, connections=CONNECTIONS))
        print(f"{ours[-1].rate:.0f} and {peer[-1].rate:.0f} requests a second", file=sys.stderr)
    ratios = [a.rate / b.rate for a, b in zip(ours, peer, strict=True)]
    batches = "\n".join(batch_rows(run, images, seconds))
    return f"""
One 28x28 image a request, JSON, {CONNECTIONS} connections that stay open, {seconds:g} s each, {ROUNDS} rounds, the
servers in turn, each on one core and the client on the other. The network is the document's, once as ONNX and once as
Keras' own. Median and ends.

| | requests a second | p50, ms | p99, ms |
|---|---|---|---|
| `digitlab serve`, all it can | {rates(ours)} | {latencies(ours, 50)} | {latencies(ours, 99)} |
| `digitlab serve`, half of that | {rates(half)} | {latencies(half, 50)} | {latencies(half, 99)} |
| FastAPI and `model.predict`, all it can | {rates(peer)} | {latencies(peer, 50)} | {latencies(peer, 99)} |

Requests a second, ours to the peer's: {spread(ratios, 1)} times. Errors: {sum(len(a.errors) for a in (*ours, *half))}
of ours, {sum(len(a.errors) for a in peer)} of the peer's.

Batches of {BATCH:,}, {FEW} connections, both cores for server and client together:

| network | body and answer | images a second |
|---|---|---|
{batches}

{soak(single, minutes)}

{machine_line(("fastapi", "uvicorn", "onnxruntime", "tensorflow", "keras", "numpy"))}
Command: `python benchmarks/serve.py --seconds {seconds:g} --soak-minutes {minutes:g}`
"""


def batch_rows(run: Path, images: np.ndarray, seconds: float) -> Iterator[str]:
    """Images a second in batches, for the document's network and the shipped one."""
    batch = images[:BATCH]
    kinds = (
        ("bytes, float32", request_of(batch.tobytes(), BYTES, BYTES)),
        ("bytes, JSON", request_of(batch.tobytes(), BYTES)),
        ("JSON, JSON", request_of(orjson.dumps({"instances": batch.tolist()}), JSON)),
    )
    for name, model in (("the document's", run), ("the shipped", None)):
        for kind, request in kinds:
            with digitlab_server(model) as (port, _process):
                answers = [load(port, request, seconds=seconds / 2, connections=FEW) for _ in range(ROUNDS)]
            if any(answer.errors for answer in answers):
                raise SystemExit(f"errors in batches: {answers[0].errors[:3]}")
            per_second = [BATCH * answer.rate for answer in answers]
            yield f"| {name} | {kind} | {spread(per_second, 0)} |"


def soak(request: bytes, minutes: float) -> str:
    """A sentence about a long full load."""
    with digitlab_server(None) as (port, process):
        load(port, request, seconds=5, connections=CONNECTIONS)
        before = memory(process)
        answers = Answers()
        peak = before
        for _ in range(max(1, round(minutes * 6))):
            part = load(port, request, seconds=10, connections=CONNECTIONS)
            answers.errors += part.errors
            answers.duration += part.duration
            answers.seconds += part.seconds[::100]
            peak = max(peak, memory(process))
        after = memory(process)
    return (
        f"{minutes:g} minutes at full load, the shipped network: {len(answers.errors)} errors; "
        f"{before:.0f} MiB of memory after the first 5 s, {after:.0f} MiB at the end, {peak:.0f} MiB at most."
    )


def memory(process: psutil.Process) -> float:
    """MiB that are the process's own."""
    return float(process.memory_full_info().uss) / 2**20


@contextmanager
def apart() -> Iterator[None]:
    """The client on the second core."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def digitlab_server(model: Path | None, core: int | None = None) -> Iterator[tuple[int, psutil.Process]]:
    """Its port and its process."""
    command = [*DIGITLAB, *([str(model)] if model else [])]
    process = subprocess.Popen(_pinned(command, core), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = re.search(r":(\d+)/", process.stderr.readline())
    try:
        if not found:
            raise SystemExit(process.stderr.read())
        yield int(found[1]), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def plain_server(model: Path, core: int) -> Iterator[int]:
    """The peer's port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    process = subprocess.Popen(_pinned([sys.executable, str(PEER), str(model), str(port)], core))
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def _pinned(command: list[str], core: int | None) -> list[str]:
    if core is None:
        return ["taskset", "-c", "0-1", *command]
    return ["taskset", "-c", str(core), *command]


def rates(answers: list[Answers]) -> str:
    """Requests a second."""
    return spread([answer.rate for answer in answers], 0)


def latencies(answers: list[Answers], percent: float) -> str:
    """Milliseconds."""
    return spread([answer.percentile(percent) for answer in answers], 2)


if __name__ == "__main__":
    main()
