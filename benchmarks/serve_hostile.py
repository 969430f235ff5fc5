"""The server under twenty of the worst uploads at once: is it alive, how much memory does it take, and does it stop?

    python benchmarks/serve_hostile.py [--rounds 3]

The uploads are those of ``cases/hostile``, in DIGITLAB_DATA or ../shared, and large bodies that are made here.
It rewrites the section "Hostile uploads" of RESULTS.md.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from results import machine_line, spread, write_section

AT_ONCE = 20
HEALTH_EVERY, MEMORY_EVERY = 0.02, 0.05
# The seconds after which a server under attack is told to stop.
STOP_AFTER = 2.0
MIB = 2**20
JSON, PUNYCODE = "application/json", "multipart/form-data; boundary=B; charset=punycode"
DIGITLAB = [str(Path(sys.executable).with_name("digitlab")), "serve", "--port", "0", "--quiet"]


@dataclass(frozen=True)
class Upload:
    """A request.

    Args:
        name: In the table.
        path: Where it is sent.
        kind: Its content type.
        body: Its body.
    """

    name: str
    path: str
    kind: str
    body: bytes


@dataclass
class Round:
    """What was seen while the uploads were answered.

    Args:
        answers: Of each upload, its status and seconds.
        health: Seconds of each answer of /healthz.
        resident: Bytes of all processes, once per sample: the sum of their resident sets.
        proportional: The same, with shared pages divided.
    """

    answers: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))
    health: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    proportional: list[int] = field(default_factory=list)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    uploads = worst(find_hostile())
    rounds = [attack(uploads) for _ in range(options.rounds)]
    stops = [stop_under_attack(uploads) for _ in range(options.rounds)]
    write_section("Hostile uploads", words(uploads, rounds, stops, options.rounds))


def find_hostile() -> Path:
    """The folder with the inputs."""
    roots = [Path(os.environ["DIGITLAB_DATA"])] if "DIGITLAB_DATA" in os.environ else []
    for root in (*roots, Path(__file__).parents[2] / "shared"):
        if (root / "cases" / "hostile").is_dir():
            return root / "cases" / "hostile"
    raise SystemExit("expected a folder cases/hostile in DIGITLAB_DATA or ../shared, found none")


def worst(folder: Path) -> list[Upload]:
    """One of each."""
    pictures = {
        "rgba64M.png": "image/png",
        "gray16_64M.png": "image/png",
        "progressive_2564_scans.jpg": "image/jpeg",
        "eps_hang.eps": "image/png",
    }
    uploads = [Upload(name, "/v1/read", kind, (folder / name).read_bytes()) for name, kind in pictures.items()]
    return [
        *uploads,
        Upload("string_bomb_27kB.json", "/v1/predict", JSON, (folder / "string_bomb_27kB.json").read_bytes()),
        Upload("punycode_multipart.bin", "/v1/read", PUNYCODE, (folder / "punycode_multipart.bin").read_bytes()),
        Upload("32 MB of empty lists", "/v1/predict", JSON, b'{"instances": [' + b"[]," * 10_600_000 + b"[]]}"),
        Upload("32 MB of numbers", "/v1/predict", JSON, b'{"instances": [[' + b"0," * 15_900_000 + b"0]]}"),
    ]


def attack(uploads: list[Upload]) -> Round:
    """Send `AT_ONCE` uploads at once and watch the server."""
    seen = Round()
    with server() as (port, process):
        ask(port, uploads[4])
        with sampled_health(port, seen), sampled_memory(process, seen):
            time.sleep(0.5)
            threads = [
                threading.Thread(target=lambda one=one: seen.answers[one.name].append(ask(port, one)))
                for one in at_once(uploads)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    print(f"/healthz {1000 * max(seen.health):.0f} ms, {max(seen.resident) / MIB:.0f} MiB", file=sys.stderr)
    return seen


def stop_under_attack(uploads: list[Upload]) -> tuple[float, int]:
    """Seconds from SIGTERM to the end of the server and of all its processes, and its exit code."""
    with server() as (port, process):
        threads = [threading.Thread(target=ask, args=(port, one)) for one in at_once(uploads)]
        for thread in threads:
            thread.start()
        time.sleep(STOP_AFTER)
        family = [process, *process.children(recursive=True)]
        started = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        psutil.wait_procs(family, timeout=60)
        seconds = time.perf_counter() - started
        for thread in threads:
            thread.join()
    print(f"stopped in {seconds:.1f} s, exit code {code}", file=sys.stderr)
    return seconds, int(code or 0)


def at_once(uploads: list[Upload]) -> list[Upload]:
    """`AT_ONCE` of them, each as often as any other or once more."""
    return [uploads[number % len(uploads)] for number in range(AT_ONCE)]


def ask(port: int, upload: Upload) -> tuple[int, float]:
    """The status, 0 where the connection broke, and the seconds."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", upload.path, upload.body, {"Content-Type": upload.kind})
        answer = connection.getresponse()
        answer.read()
        status = answer.status
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        connection.close()
    return status, time.perf_counter() - started


@contextmanager
def server() -> Iterator[tuple[int, psutil.Popen]]:
    """A server with its own settings: its port and its process."""
    process = psutil.Popen(DIGITLAB, stderr=subprocess.PIPE, text=True)
    found = re.search(r":(\d+)/", process.stderr.readline())
    if not found:
        raise SystemExit(process.stderr.read())
    try:
        yield int(found[1]), process
    finally:
        if process.is_running():
            process.terminate()
            process.wait(60)


@contextmanager
def sampled_health(port: int, seen: Round) -> Iterator[None]:
    """Ask /healthz from another process, so that this one's work delays no sample."""
    ours, theirs = multiprocessing.Pipe()
    sampler = multiprocessing.get_context("spawn").Process(target=sample_health, args=(port, theirs))
    sampler.start()
    ours.recv()  # it has begun
    try:
        yield
    finally:
        ours.send("stop")
        seen.health += ours.recv()
        sampler.join()


def sample_health(port: int, pipe: Connection) -> None:
    """Seconds of /healthz, each over a connection of its own, until the other end says stop."""
    seconds = []
    pipe.send("begun")
    while not pipe.poll(HEALTH_EVERY):
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/healthz")
        if connection.getresponse().read() != b'{"status":"ok"}':
            raise SystemExit("expected /healthz to answer ok")
        connection.close()
        seconds.append(time.perf_counter() - started)
    pipe.send(seconds)


@contextmanager
def sampled_memory(process: psutil.Process, seen: Round) -> Iterator[None]:
    """Memory of the server and its workers."""
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(MEMORY_EVERY):
            resident = proportional = 0
            for one in (process, *process.children(recursive=True)):
                try:
                    memory = one.memory_full_info()
                except psutil.Error:  # ended meanwhile
                    continue
                resident += memory.rss
                proportional += memory.pss
            seen.resident.append(resident)
            seen.proportional.append(proportional)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield
    finally:
        stop.set()
        sampler.join()


def words(uploads: list[Upload], rounds: list[Round], stops: list[tuple[float, int]], count: int) -> str:
    """The section."""
    rows = "\n".join(answer_row(one, rounds) for one in uploads)
    health = [1000 * second for seen in rounds for second in seen.health]
    resident, proportional = (
        max(max(values) for values in kind) / MIB
        for kind in ([seen.resident for seen in rounds], [seen.proportional for seen in rounds])
    )
    codes = ", ".join(str(code) for code in sorted({code for _, code in stops}))
    return f"""
{AT_ONCE} uploads at once, {len(uploads)} kinds in turn, to a server with the default settings; rounds: {count}.
Seconds are from the first byte sent to the last received, so they hold the wait for a worker.

| upload | bytes | statuses | s |
|---|---|---|---|
{rows}

| | |
|---|---|
| `/healthz` meanwhile, {len(health):,} answers, median, ms | {statistics.median(health):.1f} |
| the slowest of them, ms | {max(health):.0f} |
| all processes together, sum of resident sets, at most, MiB | {resident:,.0f} |
| the same, sum of proportional sets, at most, MiB | {proportional:,.0f} |
| SIGTERM during the uploads, to the end of all processes, s | {spread([s for s, _ in stops], 1)} |
| exit codes | {codes} |

{machine_line(("fastapi", "uvicorn", "onnxruntime", "pillow", "opencv-python-headless", "numpy"))}
Command: `python benchmarks/serve_hostile.py --rounds {count}`
"""


def answer_row(upload: Upload, rounds: list[Round]) -> str:
    """What became of one kind."""
    answers = [answer for seen in rounds for answer in seen.answers[upload.name]]
    statuses = ", ".join(str(status) for status in sorted({status for status, _ in answers}))
    return f"| {upload.name} | {len(upload.body):,} | {statuses} | {spread([second for _, second in answers], 1)} |"


if __name__ == "__main__":
    main()
