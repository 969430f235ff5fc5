"""What is answered where a request cannot be served: one shape for every error."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

BAD, UNAUTHORIZED, FORBIDDEN, TIMEOUT, TOO_LARGE, UNSUPPORTED, MISDIRECTED = 400, 401, 403, 408, 413, 415, 421
BUSY, BROKEN = 503, 500


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

    def response(self) -> JSONResponse:
        """Its answer."""
        headers = {"WWW-Authenticate": "Bearer"} if self.status == UNAUTHORIZED else None
        if self.status == BUSY:
            headers = {"Retry-After": "1"}
        return JSONResponse(as_json(self.message, self.hint), self.status, headers)


def as_json(message: str, hint: str) -> dict[str, Any]:
    """The body of every error."""
    return {"error": {"message": message, "hint": hint}}
