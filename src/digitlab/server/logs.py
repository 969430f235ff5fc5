"""One line of JSON a request, on standard error."""

from __future__ import annotations

import json
import logging
import time
import traceback
from typing import Any

from starlette.types import Scope

from digitlab.server.problems import quoted

LOGGER = logging.getLogger("digitlab.server")


class JsonLines(logging.Formatter):
    """A record as one JSON object: time, level, message, and what ``extra`` gave under ``fields``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        told = {"time": moment, "level": record.levelname.lower(), "message": record.getMessage()}
        told.update(getattr(record, "fields", {}))
        if record.exc_info:
            told["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        # ASCII alone: JSON escapes what is below U+0020, and a terminal or a viewer acts on more than that.
        return json.dumps(told).replace("\x7f", "\\u007f")


def log_request(request_id: str, scope: Scope, status: int, seconds: float, error: Exception | None = None) -> None:
    """What was asked, and what came of it."""
    level = logging.ERROR if error else logging.INFO
    if not LOGGER.isEnabledFor(level):
        return
    client = scope.get("client")
    fields: dict[str, Any] = {
        "request_id": request_id,
        "method": scope["method"],
        "path": quoted(scope["path"]),
        "status": status,
        "ms": round(1000 * seconds, 3),
        "client": client[0] if client else None,
    }
    LOGGER.log(level, "request", extra={"fields": fields}, exc_info=error)


def log_fault(request_id: str, detail: str) -> None:
    """What went wrong in a worker, for the one who runs the server."""
    LOGGER.error("worker", extra={"fields": {"request_id": request_id, "detail": detail}})
