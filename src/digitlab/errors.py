"""What can go wrong, as a tree.

::

    DigitlabError                exit code 1
    ├── UsageError               exit code 2: the command or the call is wrong
    │   └── ConfigError          a configuration names an unknown key or an impossible value
    ├── DataError                a data set is unreadable, damaged or not what it claims to be
    │   ├── DownloadError        a known data set cannot be fetched
    │   └── PictureError         a picture cannot be read
    ├── ModelError               a model file is unreadable or does not fit the data
    └── RunError                 a run folder is incomplete, finished, or belongs to another configuration
        └── MachineError         the disk is full, memory is short, a file cannot be read or written

Each message says what was expected and what came; ``hint`` says what to do about it.

`DigitlabWarning` is the category of what is worth knowing and ends nothing.
"""

from __future__ import annotations

from digitlab.text import cut, printable_line

# Of a message or a hint, in characters: what a file claims of itself may be of any length.
LONGEST = 2000


class DigitlabError(Exception):
    """Base of every error that digitlab raises on purpose.

    Args:
        message: One line: what was expected and what came. Messages quote files of strangers: line breaks become
            spaces, control characters their escapes, and what is longer than `LONGEST` is cut off.
        hint: One line: what the user can do. Required, since an error without a way out is a dead end.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str) -> None:
        self.message = _line(message)
        self.hint = _line(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions pickle by positional arguments; the keyword-only hint would be lost between processes.
        return (_rebuild, (type(self), self.message, self.hint))


def _line(text: str) -> str:
    return printable_line(cut(text, LONGEST))


def _rebuild(kind: type[DigitlabError], message: str, hint: str) -> DigitlabError:
    return kind(message, hint=hint)


class UsageError(DigitlabError):
    """The command or the call itself is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration names an unknown key or preset, or gives a value that cannot be."""


class DataError(DigitlabError):
    """A data set cannot be read, is damaged, or is not what it claims to be."""


class DownloadError(DataError):
    """A known data set can be had from none of its mirrors."""


class PictureError(DataError):
    """A picture cannot be read, or is not one."""


class ModelError(DigitlabError):
    """A model file cannot be read, or does not fit the data it is asked about."""


class RunError(DigitlabError):
    """A run folder is incomplete, already finished, in use, or belongs to another configuration."""


class MachineError(RunError):
    """The machine failed, and not the work: no space, no memory, an I/O error, a worker that was killed.

    Nothing is recorded as a result. When the machine is well again, the same command goes on.
    """


class DigitlabWarning(UserWarning):
    """Something that digitlab goes on from, and that a result may suffer from. One line."""
