"""`machine_failure`: recognises errors of the machine (no space, no memory, a failing disk), which are never a result.

A training that ends because the disk is full says nothing of its network. Whoever turns errors into results asks here
first, and stops instead.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from digitlab.errors import DigitlabError, MachineError

_SPACE = "free some space or choose another folder with --out; the same command then goes on"
_MEMORY = "end other programs, or use a machine with more memory; the same command then goes on"
_DISK = "see that the disk is there and can be written to; the same command then goes on"
_LIMIT = "end other programs, or raise the limit (see ulimit -a); the same command then goes on"

_NAMES = {
    _SPACE: ("ENOSPC", "EDQUOT", "EFBIG"),
    _DISK: ("EIO", "EROFS", "ESTALE", "ENODEV", "ENOTCONN"),
    _LIMIT: ("EMFILE", "ENFILE", "EAGAIN"),
    _MEMORY: ("ENOMEM",),
}
# Not every system has all of them.
_ERRNOS = {getattr(errno, name): hint for hint, names in _NAMES.items() for name in names if hasattr(errno, name)}
# Libraries below Python (HDF5, TensorFlow, XLA) put the operating system's words into errors of their own.
_WORDS = {
    **{os.strerror(code): hint for code, hint in _ERRNOS.items()},
    "OOM when allocating": _MEMORY,
    "Out of memory": _MEMORY,
    "RESOURCE_EXHAUSTED": _MEMORY,
    "std::bad_alloc": _MEMORY,
    "failed to map segment from shared object": _MEMORY,
    "can't start new thread": _LIMIT,
    "No usable temporary directory": _SPACE,
}
# Their types; an error of another type may quote such words for reasons of its own.
_CARRIERS = ("tensorflow.", "jaxlib", "jax.", "h5py")
_BUILTIN_CARRIERS = (RuntimeError, OSError, ImportError)


def machine_failure(error: BaseException, doing: str = "") -> MachineError | None:
    """Translate an error of the machine into a `MachineError`.

    Args:
        error: Any error; what it was raised from is looked at too.
        doing: What was being done, such as ``writing runs/a/run.json``, to begin the message with. Defaults to what
            the error itself names.

    Returns:
        The error to raise in its place; `None` if the machine is not at fault.
    """
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, MachineError):
            return found
        if (hint := _hint(found)) is not None:
            return MachineError(f"{doing or _place(found)}: {_reason(found)}", hint=hint)
        found = found.__cause__ or found.__context__
    return None


@contextlib.contextmanager
def machine_failures(doing: str) -> Iterator[None]:
    """Raise errors of the machine as `MachineError`, and all others as they are.

    Args:
        doing: What the block does, to begin the message with.
    """
    try:
        yield
    except DigitlabError:
        raise
    except Exception as error:
        if (failure := machine_failure(error, doing)) is not None:
            raise failure from error
        raise


def _hint(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, OSError) and error.errno in _ERRNOS:
        return _ERRNOS[error.errno]
    if isinstance(error, _BUILTIN_CARRIERS) or type(error).__module__.startswith(_CARRIERS):
        text = str(error)
        return next((hint for words, hint in _WORDS.items() if words in text), None)
    return None


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in _ERRNOS:
        return os.strerror(error.errno or 0)
    text = " ".join(str(error).split())
    words = next((words for words in _WORDS if words in text), "")
    if isinstance(error, MemoryError) or _WORDS.get(words) == _MEMORY:
        return f"not enough memory ({text[:160]})" if text else "not enough memory"
    return words or text


def _place(error: BaseException) -> str:
    name = getattr(error, "filename", None)
    return f"cannot use {os.fsdecode(name)}" if isinstance(name, (str, bytes)) else "the machine cannot go on"
