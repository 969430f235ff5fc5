"""What is answered where a request cannot be served: one shape for every error. Imported by the workers as well."""

from __future__ import annotations

from typing import Any

from digitlab.text import cut

BAD, UNAUTHORIZED, FORBIDDEN, TIMEOUT, TOO_LARGE, UNSUPPORTED, MISDIRECTED = 400, 401, 403, 408, 413, 415, 421
HEAD_TOO_LARGE = 431
BUSY, BROKEN = 503, 500
# What a client sent is repeated in a message up to this many characters.
LONGEST_QUOTE = 100


class RequestError(Exception):
    """A request that is answered with an error.

    Args:
        status: The HTTP status.
        message: What was expected and what came.
        hint: What the client can do.
    """

    def __init__(self, status: int, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to the status."""
        if self.status == UNAUTHORIZED:
            return {"WWW-Authenticate": "Bearer"}
        return {"Retry-After": "1"} if self.status == BUSY else {}


def as_json(message: str, hint: str) -> dict[str, Any]:
    """The body of every error."""
    return {"error": {"message": encodable(message), "hint": encodable(hint)}}


def encodable(text: str) -> str:
    """The text with U+FFFD in place of each surrogate, since UTF-8 cannot encode surrogates."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def quoted(text: str) -> str:
    """The text as a message repeats it: at most `LONGEST_QUOTE` characters."""
    return cut(text, LONGEST_QUOTE)
