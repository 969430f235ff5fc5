"""Checks of what is read from a run's files, which may be damaged, or made by a stranger to do harm.

A check takes a value as JSON or CSV gave it and returns it, or raises `CheckError`, which says at which key what was
expected and what was received. Checks are put together::

    finalist = fields({"rank": whole(0, 99), "accuracies": list_of(share, least=1, most=100)})

`reading` turns whatever goes wrong while a file is read into a `RunError` that names the file.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from digitlab.errors import ConfigError, RunError
from digitlab.runs.machine_failure import machine_failure
from digitlab.text import in_short

T = TypeVar("T")
Check = Callable[[object], T]

# Everything digitlab computes is a float32 somewhere on its way.
LARGEST = 3.5e38
SMALLEST = 1e-100
# A century in seconds: more than any run takes, and little enough to be written in figures.
LONGEST_S = 100 * 365.25 * 24 * 3600
MOST_COUNTED = 10**12
LONGEST_TEXT = 10_000

_DAMAGE = (
    OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, MemoryError,
)  # fmt: skip
_PLAIN_KEY = re.compile(r"[\w.-]{1,60}", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,4})?", re.ASCII)
_PATH_NAME = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*"
_PATH = re.compile(rf"{_PATH_NAME}(/{_PATH_NAME})*")


class CheckError(ValueError):
    """A value that digitlab does not write at its place.

    Args:
        expected: What belongs there, such as ``a share from 0 to 1``.
        received: The value as `shown` shows it.
        where: Keys and list indices on the way to the value, the outermost first.
    """

    def __init__(self, expected: str, received: str, where: tuple[str | int, ...] = ()) -> None:
        self.expected, self.received, self.where = expected, received, where
        place = "".join(map(_step, where)).lstrip(".")
        super().__init__(f"{place}{': ' if place else ''}expected {expected}, got {received}")

    def within(self, key: str | int) -> CheckError:
        """The same error, seen from the object or list that holds the value under `key`."""
        return CheckError(self.expected, self.received, (key, *self.where))


@contextlib.contextmanager
def reading(path: Path, hint: str, what: str = "") -> Iterator[None]:
    """Whatever goes wrong inside is damage to the file, unless the machine failed.

    Args:
        path: The file that is read.
        hint: How to have it whole again.
        what: What the file should hold, such as ``a run's record``. Defaults to what digitlab wrote.

    Raises:
        RunError: Names the file and what was wrong with it.
        MachineError: The disk failed, or there was no memory to read the file with.
    """
    try:
        yield
    except CheckError as error:
        expected = f"expected {what}; " if what else ""
        raise RunError(f"{path}: {expected}{error}", hint=hint) from error
    except ConfigError as error:
        expected = f"expected {what}; " if what else ""
        raise RunError(f"{path}: {expected}{in_short(error.message)}", hint=hint) from error
    except _DAMAGE as error:
        if isinstance(error, PermissionError):
            hint = "check its rights"
        raise machine_failure(error, f"cannot read {path}") or RunError(
            f"{path}: expected {what or 'what digitlab wrote there'}, got: {_reason(error)}", hint=hint
        ) from error


def shown(value: object) -> str:
    """A value of a file in a few printable characters, for an error message."""
    if isinstance(value, str):
        text = ascii(value[:60])
        return f"{text[:120]}{'…' if len(value) > 60 or len(text) > 120 else ''}"
    if isinstance(value, Mapping):
        return f"an object of {len(value)} keys"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)} values"
    if isinstance(value, int) and value.bit_length() > 64:
        return "a whole number of more than 19 digits"
    words: dict[object, str] = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else in_short(repr(value)[:60])


def number(low: float = -LARGEST, high: float = LARGEST) -> Check[float]:
    """A finite number from `low` to `high`, whole or not."""
    bounds = "" if (low, high) == (-LARGEST, LARGEST) else f" from {low:g} to {high:g}"

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise CheckError(f"a number{bounds}", shown(value))
        return value

    return check


def whole(low: int = 0, high: int = MOST_COUNTED) -> Check[int]:
    """A whole number from `low` to `high`."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise CheckError(f"a whole number from {low} to {high}", shown(value))
        return value

    return check


finite: Check[float] = number()
share: Check[float] = number(0, 1)
seconds: Check[float] = number(0, LONGEST_S)


def any_number(value: object) -> float:
    """A number that may be infinite or NaN, such as the loss of a training that diverged."""
    return value if isinstance(value, float) else finite(value)


def positive(value: object) -> float:
    """A finite number above 0, such as a learning rate."""
    checked = finite(value)
    if checked < SMALLEST:
        raise CheckError("a number above 0", shown(value))
    return checked


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise CheckError("true or false", shown(value))
    return value


def text(most: int = LONGEST_TEXT, *, least: int = 0) -> Check[str]:
    """A text of `least` to `most` characters that can be written as UTF-8."""

    def check(value: object) -> str:
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise CheckError(f"a text of {least} to {most} characters", shown(value))
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise CheckError("a text in Unicode", shown(value))
        return value

    return check


def one_of(*known: str | int) -> Check[Any]:
    """One of a few texts or numbers."""

    def check(value: object) -> Any:
        if not any(type(value) is type(one) and value == one for one in known):
            raise CheckError(" or ".join(map(str, known)), shown(value))
        return value

    return check


def optional(check: Check[T]) -> Check[T | None]:
    """`None`, which JSON calls null, or what another check accepts."""
    return lambda value: None if value is None else check(value)


def list_of(check: Check[T], *, least: int = 0, most: int = 100_000) -> Check[list[T]]:
    """A list of `least` to `most` values, each of which another check accepts."""

    def check_list(values: object) -> list[T]:
        if not isinstance(values, list) or not least <= len(values) <= most:
            amount = str(least) if least == most else f"{least} to {most}"
            raise CheckError(f"a list of {amount} values", shown(values))
        return [within(index, check, value) for index, value in enumerate(values)]

    return check_list


def mapping_of(check: Check[T], *, most: int = 1000) -> Check[dict[str, T]]:
    """An object of at most `most` keys, each of whose values another check accepts."""
    name = text(1000)

    def check_mapping(values: object) -> dict[str, T]:
        if not isinstance(values, dict) or len(values) > most:
            raise CheckError(f"an object of at most {most} keys", shown(values))
        return {name(key): within(key, check, value) for key, value in values.items()}

    return check_mapping


def fields(required: Mapping[str, Check[Any]], maybe: Mapping[str, Check[Any]] | None = None) -> Check[dict[str, Any]]:
    """An object with certain keys, each with its own check. Other keys are kept as they are.

    Args:
        required: The checks of the keys that must be there.
        maybe: The checks of keys that may be missing. Defaults to none.
    """

    def check(values: object) -> dict[str, Any]:
        if not isinstance(values, dict):
            raise CheckError("an object", shown(values))
        for key in required:
            if key not in values:
                raise CheckError("a value", "none", (key,))
        known = {**required, **(maybe or {})}
        return {key: within(key, known[key], value) if key in known else value for key, value in values.items()}

    return check


def within(key: str | int, check: Check[T], value: object) -> T:
    """Apply a check to what an object or a list holds under `key`, which an error then names."""
    try:
        return check(value)
    except CheckError as error:
        raise error.within(key) from None


def interval(low: float, high: float) -> Check[list[float]]:
    """Two numbers from `low` to `high`, of which the first is not above the second."""
    bound = list_of(number(low, high), least=2, most=2)

    def check(values: object) -> list[float]:
        bounds = bound(values)
        if bounds[0] > bounds[1]:
            raise CheckError("a lower bound and an upper one", f"{bounds[0]:g} and {bounds[1]:g}")
        return bounds

    return check


def relative_path(value: object) -> str:
    """The relative path of a file below the run folder, which a page may link to.

    Only plain names are accepted: letters, digits, ``_``, ``-`` and dots within a name, with ``/`` between folders. So
    it can neither leave the folder nor name a scheme such as ``javascript:``.
    """
    checked = text(1000, least=1)(value)
    if not _PATH.fullmatch(checked):
        raise CheckError("a relative path within the run", shown(value))
    return checked


def cell(check: Check[T], *, any_number: bool = False) -> Check[T]:
    """A check for a cell of a CSV file that holds a number.

    Args:
        check: The check of the number. It receives an `int` where the cell has neither point nor exponent.
        any_number: Whether ``nan``, ``inf`` and ``-inf`` are numbers too, which `check` does not see. Defaults to
            False.
    """

    def check_cell(content: object) -> T:
        if not isinstance(content, str):
            raise CheckError("a cell", shown(content))
        if any_number and content in ("nan", "inf", "-inf"):
            return float(content)  # type: ignore[return-value]
        if len(content) > 400 or not _NUMBER.fullmatch(content):
            raise CheckError("a number", shown(content))
        return check(int(content) if content.lstrip("+-").isdigit() else float(content))

    return check_cell


def epoch(value: object) -> float:
    """The number of an epoch, from 1, which JSON and CSV hold as 3 or as 3.0."""
    checked = number(1, 100_000)(value)
    if checked != math.floor(checked):
        raise CheckError("the number of an epoch", shown(value))
    return checked


def _step(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{shown(key)}]"


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"no {shown(error.args[0] if error.args else '')}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return in_short(error)
