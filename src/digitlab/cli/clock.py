"""The clock of a command: what it prints as its duration is what its user has waited, imports included."""

from __future__ import annotations

import time

import digitlab

_started = digitlab._STARTED


def start_clock() -> None:
    """Start the clock anew, for a command that is called from Python and not by its own process."""
    global _started
    _started = time.perf_counter()


def seconds_so_far() -> float:
    """Seconds since the command was started, to the millisecond."""
    return round(time.perf_counter() - _started, 3)
