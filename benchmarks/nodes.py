"""Ray's nodes on this machine, as `ray start` makes them, and the end of each by its process ids alone."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

RAY = str(Path(sys.executable).with_name("ray"))
STORE = str(200 * 2**20)
# Else a head that finds a token in the home folder asks for it, and a second node does not show it.
WITHOUT_TOKEN = {**os.environ, "RAY_AUTH_MODE": "disabled"}


class Nodes:
    """A head and further nodes, one core each; a context manager, which ends what it has started."""

    def __init__(self, count: int) -> None:
        # Below the ports that the system hands out, which Ray's other processes take.
        self._port = next(port for port in range(20_000, 21_000) if _is_free(port))
        common = ["--num-cpus=1", f"--object-store-memory={STORE}", "--disable-usage-stats"]
        told = self._start("--head", f"--port={self._port}", "--include-dashboard=false", *common)
        self.address = re.search(rf"[\d.]+:{self._port}", told)[0]  # type: ignore[index]
        self.raylets = self._raylets()
        for _ in range(count - 1):
            self._start(f"--address={self.address}", *common)
            self.raylets += [pid for pid in self._raylets() if pid not in self.raylets]

    def kill(self, number: int) -> None:
        """SIGKILL to a node's raylet; its workers end with it."""
        os.kill(self.raylets[number], signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        processes = self._processes()
        for process in processes:
            process.terminate()
        _, alive = psutil.wait_procs(processes, timeout=20)
        for process in alive:
            process.kill()

    def _start(self, *options: str) -> str:
        started = subprocess.run([RAY, "start", *options], capture_output=True, text=True, env=WITHOUT_TOKEN)
        if started.returncode:
            raise SystemExit(f"ray start failed: {started.stderr[-800:]}")
        return started.stdout + started.stderr

    def _raylets(self) -> list[int]:
        return [process.pid for process in self._processes() if process.name() == "raylet"]

    def _processes(self) -> list[psutil.Process]:
        """Those whose command line names our port."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or ())
            if f":{self._port}" in words or f"gcs_server_port={self._port}" in words:
                found.append(process)
        return [process for process in found if process.pid != os.getpid()]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
