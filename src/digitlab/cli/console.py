"""Where words go: data to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

stderr = Console(stderr=True, highlight=False)
# Lines are broken at words for people at a terminal, and left whole for files and programs.
stderr.soft_wrap = not stderr.is_terminal
stdout = Console(highlight=False)


def print_json(value: dict[str, Any]) -> None:
    """One JSON object, alone on standard output."""
    sys.stdout.write(json.dumps(value, allow_nan=False, ensure_ascii=False) + "\n")


def percent(value: float) -> str:
    """0.9758 as ``97.58 %``."""
    return f"{100 * value:.2f} %"


def interval(bounds: list[float]) -> str:
    """(0.972, 0.979) as ``97.20 to 97.90 %``."""
    return f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f} %"
