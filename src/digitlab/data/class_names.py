"""What may be the name of a class, wherever it comes from: a folder, a model file or a call."""

from __future__ import annotations

from collections.abc import Sequence

from digitlab.text import UNPRINTABLE, cut, printable

LONGEST_NAME = 200


def fault_in_names(names: Sequence[str]) -> str:
    """What keeps these from being class names, for an error message; empty if nothing does.

    Names end in terminals, logs, tables, pages and data files. So they hold no control character, no surrogate and no
    mark that reverses the direction of text, and have at most `LONGEST_NAME` characters.
    """
    for name in names:
        if len(name) > LONGEST_NAME:
            return f"a name of {len(name):,} characters, {cut(printable(name), 40)!r}"
        if UNPRINTABLE.search(name):
            return f"the name '{printable(name)}' with a control character"
    return ""
