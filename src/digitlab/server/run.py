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
from digitlab.server.protocol import BoundedProtocol
from digitlab.server.stopping import StoppableServer

BACKLOG = 2048
# Files and sockets that are no connections.
OTHER_FILES = 100
HIGHEST_PORT = 65_535


Handler = Callable[..., None]


def handle_signals(handler: Handler) -> None:
    """Install a handler for SIGINT and SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def serve(
    app: FastAPI,
    host: str,
    port: int,
    *,
    ready: Callable[[str], None],
    log: bool = True,
    handle_signals: Callable[[Handler], None] = handle_signals,
) -> None:
    """Answer requests until SIGTERM or SIGINT; what was accepted is answered first, for 22 s at most.

    Args:
        app: From `create_app`.
        host: The address to listen on.
        port: 0 for any that is free.
        ready: Called with the address once connections are accepted.
        log: Whether each request is told on standard error.
        handle_signals: Installs the handler of SIGINT and SIGTERM that stops the server. Defaults to
            `digitlab.server.run.handle_signals`. A caller with handlers of its own passes a function that replaces
            them.

    Raises:
        UsageError: The address cannot be listened on.
    """
    listening = _listen(host, port)
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listening.getsockname()[1]}/"
    _log(log)

    class Protocol(BoundedProtocol):
        most_connections = min(BoundedProtocol.most_connections, _allow_many_files() - OTHER_FILES)

    config = uvicorn.Config(
        app, http=Protocol, ws="none", log_config=None, access_log=False, server_header=False, timeout_keep_alive=0
    )
    server = StoppableServer(config, ready=lambda: ready(address), end_work=app.state.workers.close)

    def stop(*_: object) -> None:
        server.should_exit = True

    # Until uvicorn has handlers of its own; afterwards it sends itself the signal again that it was ended by.
    handle_signals(stop)
    server.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections already, so that the first request waits and is not refused."""
    if not host or not 0 <= port <= HIGHEST_PORT:
        raise UsageError(
            f"expected an address to listen on and a port from 0 to {HIGHEST_PORT:,}, got {host!r}, port {port}",
            hint="--host 127.0.0.1 --port 0 takes any port that is free",
        )
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, UnicodeError, ValueError) as error:  # idna refuses some names with a UnicodeError
        raise UsageError(
            f"expected to listen on {host}, port {port}, got: {getattr(error, 'strerror', None) or error}",
            hint="name an address of this machine; where another server has the port, --port 0 takes any that is free",
        ) from error
    return listening


def _log(requests: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    LOGGER.setLevel(logging.INFO if requests else logging.ERROR)
    for logger in (LOGGER, logging.getLogger("uvicorn.error")):
        logger.handlers, logger.propagate = [handler], False
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def _allow_many_files() -> int:
    """Open as many files as the system lets a process have, since a connection is one; how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard
