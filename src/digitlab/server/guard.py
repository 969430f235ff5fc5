"""`Guard`: what every request passes: an id, the host, the origin, the key; counted, timed, logged.

Plain ASGI, since Starlette's base class for middleware costs as much as a small request.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digitlab.errors import DigitlabError
from digitlab.server.logs import log_fault, log_request
from digitlab.server.metrics import Metrics
from digitlab.server.problems import BROKEN, FORBIDDEN, MISDIRECTED, UNAUTHORIZED, RequestError, as_json, quoted
from digitlab.server.process import WorkerError
from digitlab.server.settings import Settings

REQUEST_ID = "x-request-id"
# An id of the client's is kept where it is harmless in a log.
GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A name of the domain name system has no more characters.
LONGEST_HOST = 255
KEYED = ("/v1/", "/metrics")
HOW_HOST = "the server allows others by --allow-host"
HOW_ORIGIN = "the server allows others by --allow-origin"


class Guard:
    """Middleware around the whole application.

    Args:
        app: What it guards.
        settings: Hosts, origins and the key.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; other kinds of scope pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        request_id = given if GOOD_ID.fullmatch(given) else secrets.token_hex(8)
        started, status, failed = time.perf_counter(), 0, False

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        self._metrics.active.inc()
        try:
            self._check(scope, headers)
            await self._app(scope, receive, send_on)
        except RequestError as problem:
            if isinstance(problem, WorkerError):
                log_fault(request_id, problem.detail)
            await error_response(problem)(scope, receive, send_on)
        except Exception as error:
            failed = True
            log_request(request_id, scope, BROKEN, time.perf_counter() - started, error)
            if status:  # too late to say so
                raise
            await error_response(_broken(error, request_id))(scope, receive, send_on)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.active.dec()
            self._metrics.count(scope, status, seconds)
            if not failed:
                log_request(request_id, scope, status, seconds)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if re.search(r":\d+$", host[-LONGEST_HOST:]) else host
        if len(host) > LONGEST_HOST or ("*" not in self._settings.hosts and name.lower() not in self._settings.hosts):
            raise RequestError(
                MISDIRECTED,
                f"expected a request for this host, got one for {quoted(name) or 'none'}",
                hint=HOW_HOST,
            )
        origin = headers.get("origin")
        own = f"{scope.get('scheme', 'http')}://{host}"
        if origin is not None and origin != own and origin not in self._settings.origins:
            raise RequestError(
                FORBIDDEN,
                f"expected a page of {quoted(own)}, got one of {quoted(origin)}",
                hint=HOW_ORIGIN,
            )
        key = self._settings.api_key
        if key is not None and scope["path"].startswith(KEYED) and not _same(headers, key):
            raise RequestError(
                UNAUTHORIZED, "expected the API key, got none or another", hint="send it as Authorization: Bearer KEY"
            )


def error_response(problem: RequestError) -> JSONResponse:
    """The answer to a request that cannot be served."""
    return JSONResponse(as_json(problem.message, problem.hint), problem.status, problem.headers or None)


def _broken(error: Exception, request_id: str) -> RequestError:
    """What the client is told of an error that the log has in full. A message may hold a path of this machine."""
    hint = f"the log has it, under {request_id}"
    if isinstance(error, DigitlabError):
        return RequestError(BROKEN, "expected an answer of the network, got an error", hint=hint)
    return RequestError(BROKEN, f"unexpected {type(error).__name__}", hint=hint)


def _same(headers: Headers, key: str) -> bool:
    """Whether the request brings the key, compared in constant time."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    given = given if kind.lower() == "bearer" else headers.get("x-api-key", "")
    # As bytes: a header is decoded as Latin-1 and the environment as UTF-8, either with whatever it holds.
    return hmac.compare_digest(given.strip().encode("latin-1"), key.encode("utf-8", "surrogateescape"))
