"""`Campaign`: mutated inputs for a target in a child process, with limits on what each may cost."""

from __future__ import annotations

import json
import mmap
import multiprocessing
import os
import random
import resource
import struct
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
from targets import Target

MIB = 2**20
# Processor time of the child for one input, and what one input may add to its memory.
MOST_SECONDS, MOST_MIB = 5.0, 500
# Beyond this the system refuses more memory, so that no finding takes the machine with it.
HARD_MIB = 3 * 1024
POLL_S = 0.1


@dataclass(frozen=True)
class Finding:
    """An input that ended in something else than a result or an error of the project's own.

    Args:
        target: The target's name.
        index: Its number; with the campaign's seed it makes the input again.
        what: The exception, the signal, or the limit that was passed.
        detail: The traceback, where there is one.
    """

    target: str
    index: int
    what: str
    detail: str = ""


def make_input(target: Target, seed: int, index: int) -> bytes:
    """The input of this number: a function of target, seed and number alone."""
    rng = random.Random(f"{target.name}:{seed}:{index}")
    return target.mutate(rng)


class Campaign:
    """Inputs of one target, one after another.

    Args:
        target: What is given the inputs.
        seed: Decides every input.
    """

    def __init__(self, target: Target, seed: int) -> None:
        self.target = target
        self.seed = seed
        self.done = 0
        self._state = mmap.mmap(-1, 24)  # one more than the number at work, that number, and how many are done

    def run(self, *, seconds: float | None = None, count: int | None = None) -> Iterator[Finding]:
        """Findings as they occur; a child that crashed, hung or grew too large is replaced by another.

        Args:
            seconds: For how long. Defaults to no limit.
            count: For how many inputs. Defaults to no limit.
        """
        ends = time.monotonic() + seconds if seconds is not None else float("inf")
        most = count if count is not None else 2**62
        first = 0
        while first < most and time.monotonic() < ends:
            receiver, sender = multiprocessing.Pipe(duplex=False)
            child = multiprocessing.get_context("fork").Process(target=self._work, args=(sender, first, most, ends))
            child.start()
            sender.close()
            yield from self._watch(child, receiver)
            child.join()
            begun, at, self.done = self._read_state()
            if not begun:
                yield Finding(self.target.name, first, "the sound inputs could not be read")
                return
            first = at + 1
            if child.exitcode == 0:
                return

    def _watch(self, child: multiprocessing.Process, receiver: Connection) -> Iterator[Finding]:
        at, since = 0, 0.0
        while True:
            try:
                if receiver.poll(POLL_S):
                    yield Finding(self.target.name, **json.loads(receiver.recv_bytes()))
                    continue
            except EOFError:
                break
            begun, index, _ = self._read_state()
            used = _processor_seconds(child.pid)
            if begun != at:
                at, since = begun, used
            elif begun and used - since > MOST_SECONDS:
                child.kill()
                yield Finding(self.target.name, index, f"over {MOST_SECONDS:g} s of processor time")
        child.join()
        begun, index, _ = self._read_state()
        if begun and child.exitcode not in (0, -9, 3):
            yield Finding(self.target.name, index, f"the process ended with {child.exitcode}")

    def _read_state(self) -> tuple[int, int, int]:
        begun, index, done = struct.unpack("QQQ", self._state[:24])
        return begun, index, done

    def _work(self, sender: Connection, first: int, most: int, ends: float) -> None:
        self._state[:24] = struct.pack("QQQ", 0, first, self.done)
        self.target.open()
        most_bytes = psutil.Process().memory_info().data + HARD_MIB * MIB
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        usual = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        index, done = first, self.done
        while index < most and time.monotonic() < ends:
            self._state[:24] = struct.pack("QQQ", index + 1, index, done)
            found = self._try(index)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - usual) / 1024
            if found is None and grown > MOST_MIB:
                found = {"what": f"{grown:.0f} MB more memory"}
            done += 1
            if found is not None:
                sender.send_bytes(json.dumps({"index": index, **found}).encode())
            if grown > MOST_MIB:
                self._state[:24] = struct.pack("QQQ", index + 1, index, done)
                os._exit(3)
            index += 1
        self._state[:24] = struct.pack("QQQ", index, index - 1, done)
        os._exit(0)

    def _try(self, index: int) -> dict[str, str] | None:
        content = make_input(self.target, self.seed, index)
        try:
            self.target.run(content)
        except Exception as error:  # noqa: BLE001 - whatever gets through is what is looked for
            what = f"{type(error).__name__}: {ascii(str(error))[:200]}"
            return {"what": what, "detail": ascii(traceback.format_exc())[-4000:]}
        return None


def save(finding: Finding, target: Target, seed: int, folder: Path) -> Path:
    """The finding's input as a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{finding.target}-{seed}-{finding.index}"
    path.write_bytes(make_input(target, seed, finding.index))
    return path


def _processor_seconds(pid: int | None) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
