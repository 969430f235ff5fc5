"""Runs one peer as a whole process, so that imports, compiling and memory count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from results import spread


@dataclass(frozen=True)
class Ran:
    """A peer's process: its epochs as it timed them, the whole of it in seconds, its peak memory."""

    seconds: list[float]
    elapsed: list[float]
    accuracies: list[float]
    process_s: float
    peak_mib: float

    def first_at(self, accuracy: float) -> float | None:
        """Seconds from the start of the script, imports included, to the first epoch of that accuracy."""
        pairs = zip(self.elapsed, self.accuracies, strict=True)
        return next((elapsed for elapsed, reached in pairs if reached >= accuracy), None)


def run_peer(script: str, environment: dict[str, str], options: list[str]) -> Ran | None:
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
    return Ran(**course, process_s=seconds, peak_mib=usage.ru_maxrss / 1024)


def reached(seconds: Sequence[float | None]) -> str:
    """Median of those that got there, and how many did where not all."""
    there = [s for s in seconds if s is not None]
    return spread(there, 1) + ("" if len(there) == len(seconds) else f", {len(there)} of {len(seconds)}")
