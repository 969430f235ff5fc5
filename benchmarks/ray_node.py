"""A Ray node of the benchmark's own, and what its processes hold in memory."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import ray.util


@dataclass(frozen=True)
class Node:
    """A node that runs.

    Args:
        address: What a driver connects to.
        process: Its root; raylet, store and workers are its descendants.
    """

    address: str
    process: psutil.Process

    def watch(self, driver: subprocess.Popen) -> float:
        """Wait for `driver`; the most MiB, as proportional set sizes, that it and the node held, once a second."""
        root = psutil.Process(driver.pid)
        most = 0.0
        while driver.poll() is None:
            most = max(most, proportional_mib(root) + proportional_mib(self.process))
            with suppress(subprocess.TimeoutExpired):
                driver.wait(1)
        return most


@contextmanager
def ray_node(object_store_bytes: int, cpus: int = 2) -> Iterator[Node]:
    """A head node with so many CPUs; ended by the end of its own processes, so that no other Ray is touched."""
    host = ray.util.get_node_ip_address()
    with socket.create_server((host, 0)) as free:
        port = free.getsockname()[1]
    temporary = tempfile.mkdtemp(prefix="ray-")  # short: the names of sockets in it may have 107 bytes
    command = [
        str(Path(sys.executable).with_name("ray")),
        "start",
        "--head",
        "--block",
        f"--port={port}",
        f"--num-cpus={cpus}",
    ]
    command += [f"--object-store-memory={object_store_bytes}", "--include-dashboard=false", f"--temp-dir={temporary}"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
    )
    root = psutil.Process(process.pid)
    try:
        _wait_until_it_answers(process, host, port)
        yield Node(f"{host}:{port}", root)
    finally:
        descendants = root.children(recursive=True) if process.poll() is None else []
        process.terminate()
        process.wait(60)
        for one in psutil.wait_procs(descendants, 10)[1]:
            one.kill()
        shutil.rmtree(temporary, ignore_errors=True)


def proportional_mib(root: psutil.Process) -> float:
    """MiB of a process and its descendants, what they share counted once."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        for process in [root, *root.children(recursive=True)]:
            with suppress(OSError, psutil.NoSuchProcess):
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
                total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


def _wait_until_it_answers(process: subprocess.Popen, host: str, port: int, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                time.sleep(5)  # the raylet registers after the port is open
                return
        time.sleep(0.2)
    raise SystemExit("expected a Ray node to start, but none answers")
