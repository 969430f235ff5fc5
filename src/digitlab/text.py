"""Text from strangers, made safe for terminals, logs, JSON and spreadsheets.

Class names, file names and the content of damaged files end in messages, tables and data files. The rule on what may
stand there as it is, is `UNPRINTABLE`, and it stands here alone.
"""

from __future__ import annotations

import re

# Control characters (which move a terminal's cursor, or end a line of a log), line and paragraph separators, surrogates
# (which no UTF-8 can hold), marks that reverse the direction of the text around them, and the two code points that XML
# forbids. Letters, signs, emoji and the joiners that many scripts need are not among them.
UNPRINTABLE = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ufffe\\uffff]"
)
# Compiled when it is needed, as reading a digit must not wait for it.
_SPACE_CONTROLS = "[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+"
# What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection"), in the full width of East Asia too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def printable(text: str) -> str:
    r"""`text` with every `UNPRINTABLE` character written as its escape, such as ``\x1b`` or ``\u202e``."""
    return UNPRINTABLE.sub(_escape, text)


def printable_line(text: str) -> str:
    """`printable` on one line: line breaks and tabs become a space."""
    return printable(re.sub(_SPACE_CONTROLS, " ", text)) if UNPRINTABLE.search(text) else text


def json_escaped(document: str) -> str:
    r"""A JSON document whose strings hold no `UNPRINTABLE` character as it is; line breaks between its tokens stay.

    Args:
        document: JSON. It holds such characters only within strings, where ``\u001b`` means the same.
    """
    return UNPRINTABLE.sub(lambda match: match[0] if match[0] in "\n\r\t" else f"\\u{ord(match[0]):04x}", document)


def shortened(value: object, most: int = 80) -> str:
    """`repr` of a value for a message: at most `most` characters, and never an error.

    Args:
        value: Any value. A whole number of thousands of digits has no `repr` in Python; its size is told instead.
        most: Characters at most. Defaults to 80.
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        text = f"{type(value).__name__} that is too large to be shown"
    return cut(text, most)


def cut(text: str, most: int = 80) -> str:
    """The start of a text, at most `most` characters, of which the last is then ``…``."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def in_short(words: object, most: int = 200) -> str:
    """What a library's error, or a file, says: `printable` on one line, at most `most` characters.

    Args:
        words: The text, or an error, of which a silent one is called by its type.
        most: Characters at most. Defaults to 200.
    """
    line = " ".join(str(words).split())
    return cut(printable(line or (type(words).__name__ if isinstance(words, BaseException) else "")), most)


def csv_text(text: str) -> str:
    """A text cell of a CSV file that no spreadsheet takes for a formula.

    A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break gets an apostrophe before it, as OWASP
    advises. Numbers are not text and are not given to this function.
    """
    # Apostrophes before it are the escape itself, escaped once more, so that reading it back gives the same text.
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def text_of_csv(cell: str) -> str:
    """The text that `csv_text` wrote as `cell`."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
