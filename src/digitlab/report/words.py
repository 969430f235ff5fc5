"""How numbers and texts are written in figures and on the page."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

# Control characters but for tab and line break, surrogates, and those that reorder the text around them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """A text in which every character that cannot be printed is replaced by U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the indices below `count`, at equal distances, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [round(step * (count - 1) / (most - 1)) for step in range(most)]


def percent(value: float, digits: int = 2) -> str:
    """A share as a percentage."""
    return f"{100 * value:.{digits}f} %"


def widths(hidden_units: Sequence[int]) -> str:
    """The widths of the hidden layers, as in trials.csv."""
    return "-".join(map(str, hidden_units)) or "none"


def spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    """Mean ± standard deviation; of one value, the value alone."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    return f"{mean}{f' ± {statistics.stdev(values):.{digits}f}' if len(values) > 1 else ''}{unit}"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def counted(count: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
