"""Where words go: data to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console

from digitlab.text import UNPRINTABLE, json_escaped, printable

if TYPE_CHECKING:
    from rich.text import Text


class SafeConsole(Console):
    """A console on which no text moves the cursor, changes colours or reverses its neighbours.

    Names of classes and files come from strangers. Rich takes everything that is printed, cells of tables too, through
    `render_str`.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Rich's rendering of a text in which control characters other than line breaks are escaped."""
        if UNPRINTABLE.search(text):
            text = "\n".join(map(printable, text.split("\n")))
        return super().render_str(text, **options)


stderr = SafeConsole(stderr=True, highlight=False)
# Lines are broken at words for people at a terminal, and left whole for files and programs.
stderr.soft_wrap = not stderr.is_terminal
stdout = SafeConsole(highlight=False)


def print_json(value: dict[str, Any]) -> None:
    """One JSON object, alone on standard output, in ASCII where standard output is not UTF-8."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=not writes_utf8(sys.stdout))
    sys.stdout.write(json_escaped(text) + "\n")


def writes_utf8(stream: Any) -> bool:
    """Whether a text stream is encoded as UTF-8, or is a stand-in for one that is not encoded at all."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return str(encoding).lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig")


def percent(value: float) -> str:
    """0.9758 as ``97.58 %``."""
    return f"{100 * value:.2f} %"


def interval(bounds: list[float]) -> str:
    """(0.972, 0.979) as ``97.20 to 97.90 %``."""
    return f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f} %"
