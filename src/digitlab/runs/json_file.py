"""`read_json`: JSON files of a run, read without trust in what they hold."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from digitlab.runs.checks import CheckError, shown
from digitlab.runs.regular_file import open_regular

# The record of a study of 10,000 trials that all failed is half as large. An empty list takes 3 bytes of the file and
# 64 of memory, so that no file of this size fills more than 100 MB.
MOST_JSON_BYTES = 4 * 2**20
# digitlab nests six levels at most.
DEEPEST = 32
# The longest number that digitlab writes has 19 digits and no more.
_MOST_DIGITS = 40


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes.

    Raises:
        CheckError: The file is larger.
        OSError: It is no regular file, or cannot be read.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise CheckError(f"at most {most:,} bytes", "more")
    return content


def read_json(path: Path, most: int = MOST_JSON_BYTES) -> Any:
    """The value that a JSON file holds.

    Args:
        path: The file.
        most: Bytes that it may have. Defaults to 4 MiB.

    Returns:
        The value: no number in it is infinite or NaN, no key occurs twice, and it is at most 32 levels deep.

    Raises:
        ValueError: The file is no such JSON.
        RecursionError: It is nested far too deep.
        OSError: It is no regular file, or cannot be read.
    """
    return parse_json(read_bytes(path, most).decode("utf-8"))


def parse_json(content: str, *, any_number: bool = False) -> Any:
    """The value that a JSON text stands for; see `read_json`.

    Args:
        content: The text.
        any_number: Whether numbers may be infinite or NaN. Defaults to False.
    """
    value = json.loads(
        content,
        parse_int=_parse_int,
        parse_float=float if any_number else _parse_float,
        parse_constant=float if any_number else _refuse_constant,
        object_pairs_hook=_without_duplicates,
    )
    _refuse_depth(value)
    return value


def _parse_int(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise CheckError(f"a whole number of at most {_MOST_DIGITS} digits", f"one of {len(digits)} digits")
    return int(digits)


def _parse_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise CheckError("a finite number", shown(digits))
    return value


def _refuse_constant(name: str) -> Any:
    raise CheckError("a finite number", name)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise CheckError("each key once", f"{shown(twice)} twice")
    return values


def _refuse_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise CheckError(f"at most {DEEPEST} levels of lists and objects", "more")
