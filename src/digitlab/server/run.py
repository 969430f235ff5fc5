"""`serve`: the application on uvicorn, until it is told to stop."""

from __future__ import annotations

import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from digitlab.errors import UsageError
from digitlab.server.logs import LOGGER, JsonLines

# How long requests that were accepted may take to be answered when the server is told to stop.
GRACE_SECONDS = 30
IDLE_SECONDS = 30
BACKLOG = 2048


def serve(app: FastAPI, host: str, port: int, *, ready: Callable[[str], None], log: bool = True) -> None:
    """Answer requests until SIGTERM or SIGINT; what was accepted is answered first.

    Args:
        app: From `create_app`.
        host: The address to listen on.
        port: 0 for any that is free.
        ready: Called with the address once connections are accepted.
        log: Whether each request is told on standard error.

    Raises:
        UsageError: The address cannot be listened on.
    """
    listening = _listen(host, port)
    name = f"[{host}]" if ":" in host else host
    _log(log)
    _allow_many_connections()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
    # uvicorn sends itself the signal again that it was ended by, when all is done and these are back in place.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    ready(f"http://{name}:{listening.getsockname()[1]}/")
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections already, so that the first request waits and is not refused."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"expected to listen on {host}, port {port}, got: {getattr(error, 'strerror', None) or error}",
            hint="is another server there? --port 0 takes any that is free",
        ) from error
    return listening


def _log(requests: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    LOGGER.setLevel(logging.INFO if requests else logging.ERROR)
    for logger in (LOGGER, logging.getLogger("uvicorn.error")):
        logger.handlers, logger.propagate = [handler], False
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def _allow_many_connections() -> None:
    """As many open files as the system lets a process have: a connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
