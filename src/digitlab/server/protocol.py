"""`BoundedProtocol`: uvicorn's HTTP protocol with bounds on what a client may send, and how slowly.

uvicorn takes request heads, trailers, chunk extensions and pipelined requests of any size, and keeps a silent
connection for ever. Every name of uvicorn that this depends on stands here. Bytes are counted where a head or a chunk
is unfinished, so that a small request costs no more than in uvicorn.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from digitlab.server.problems import BAD, BUSY, HEAD_TOO_LARGE, TIMEOUT, RequestError, as_json, quoted

MOST_HEAD_BYTES, MOST_HEADERS = 64 * 1024, 100
# What frames a chunked body may take no more bytes than the body, beyond this many.
MOST_FRAMING_BYTES = 128 * 1024
# Chunks of a body beyond one per so many bytes: each costs a call, and the loop has others to serve.
MOST_SMALL_CHUNKS, SMALL_CHUNK = 4096, 16
# Requests on one connection that wait until earlier ones are answered.
MOST_PIPELINED = 16
# For a whole head; for the next request on a connection; for the rest of a body whose answer was given; for the client
# to take a refusal; after the server was told to stop, for a request that is on its way.
HEAD_SECONDS, IDLE_SECONDS, REST_SECONDS, REFUSAL_SECONDS, STOP_SECONDS = 10.0, 30.0, 10.0, 5.0, 1.0
# Bytes of answers that clients have not taken, all together.
MOST_UNSENT_BYTES = 256 * 2**20
# Takes the trailers of a chunked body, which nobody reads.
_NOWHERE: Any = deque(maxlen=0)


class _Transport:
    """A connection's transport, whose `close` lets a client that still sends read the answer first.

    A system answers bytes that arrive after a close with a reset, which takes back what the client has not read.
    """

    def __init__(self, transport: asyncio.Transport, protocol: BoundedProtocol) -> None:
        self._inner, self._protocol = transport, protocol
        self.write: Callable[[bytes], None] = transport.write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def is_closing(self) -> bool:
        return self._protocol.lingering or self._inner.is_closing()

    def close(self) -> None:
        if self._protocol.receives_body or self._protocol.deaf:
            self._protocol.linger()
        else:
            self._inner.close()


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Made by uvicorn; `sweep` must be called about every second.

    Attributes:
        most_connections: Connections of the server; more replace those that have waited longest.
        deaf: Whether what the client sends is thrown away.
        lingering: Whether the last answer was given, and the client is to close the connection.
        receives_body: Whether the body of a request is unfinished.
    """

    most_connections = 2000

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        self.deaf = self.lingering = self.receives_body = False
        self._inner = transport
        self._stopping = self._asked = False
        self._held_open: Any = None
        self._unsent = self._head_bytes = self._fed = self._wire_bytes = self._body_bytes = self._chunks = 0
        super().connection_made(_Transport(transport, self))  # type: ignore[arg-type]
        self._waiting_since: float | None = self.loop.time()
        if len(self.connections) > self.most_connections and not make_room(self.connections, self):
            self._refuse(RequestError(BUSY, "expected fewer connections at once, got more", hint="try again soon"))

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        if self.deaf:
            return
        self._fed = len(data)
        self._wire_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._hear_no_more()  # the request is answered as any other, and what follows is another protocol's
        except httptools.HttpParserError as error:
            self._stop_parsing(error)
            return
        if self.receives_body:
            if self._wire_bytes > 2 * self._body_bytes + MOST_FRAMING_BYTES:
                self._stop_parsing(_wrong("a body", "chunks that are mostly framing"))
        else:
            self._wait_for_head()
        if self._stopping:
            self._close_after_last_answer()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or throw away a trailer."""
        if self.receives_body:
            self._chunks += 1
            if self._chunks > MOST_SMALL_CHUNKS + self._body_bytes // SMALL_CHUNK:
                raise _wrong("a body", "many trailers")
        elif len(self.headers) >= MOST_HEADERS:
            raise _head_too_large()
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the head, and start the request."""
        if self._head_bytes + self._fed > MOST_HEAD_BYTES:
            self._check_head()
        if len(self.pipeline) >= MOST_PIPELINED:
            raise _wrong("an answer to be waited for", "more requests")
        previous = self.cycle
        super().on_headers_complete()
        self.headers = _NOWHERE
        self.receives_body = self._asked = True
        self._head_bytes = self._fed = self._wire_bytes = self._body_bytes = self._chunks = 0
        self._waiting_since = None
        if previous is not None and previous is self._held_open and not previous.response_started:
            previous.keep_alive = True  # it was to be the last, and is not
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Count the body beside its framing."""
        self._body_bytes += len(body)
        self._chunks += 1
        if self._chunks > MOST_SMALL_CHUNKS + self._body_bytes // SMALL_CHUNK:
            raise _wrong("a body", "chunks that are mostly framing")
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the next head, where the answer was given before the body had arrived."""
        super().on_message_complete()
        self.receives_body = False
        self._fed = 0
        if self.cycle.response_complete and self._waiting_since is not None:
            self._waiting_since = self.loop.time()

    def on_response_complete(self) -> None:
        """Start the next request that waits, or wait for one. As in uvicorn, whose timer `sweep` replaces."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._waiting_since = self.loop.time()

    def shutdown(self) -> None:
        """Answer what has been asked and what is on its way, and then close."""
        self._stopping = True
        if self._waiting_since is not None:
            self._waiting_since = self.loop.time()
        self._close_after_last_answer()

    def sweep(self, now: float) -> None:
        """Close a connection that has waited for too long, by `now` of the loop's clock."""
        since = self._waiting_since
        if since is None or now - since < self._patience():
            return
        if self.lingering:
            self._inner.abort()
        elif (unsent := self._inner.get_write_buffer_size()) > 0:
            self._wait_for_client(unsent, now)
        elif self._head_bytes:
            self._refuse(
                RequestError(TIMEOUT, f"expected a whole request head within {HEAD_SECONDS:g} s", hint="send it again")
            )
        else:
            self._inner.close()

    @property
    def unsent_bytes(self) -> int:
        """Bytes of answers that the client has not taken."""
        return self._inner.get_write_buffer_size()

    @property
    def waiting_since(self) -> float | None:
        """Since when it waits for the client, by the loop's clock; None while a request is worked on."""
        return self._waiting_since

    def abort(self) -> None:
        """Close the connection at once."""
        self._inner.abort()

    def linger(self) -> None:
        """Send no more, and throw away what arrives, until the client has closed the connection."""
        if not self.lingering and not self._inner.is_closing():
            self._hear_no_more()
            self.lingering = True
            self._waiting_since = self.loop.time()
            self._inner.write_eof()

    def _hear_no_more(self) -> None:
        self.deaf = True
        self.flow.resume_reading()

    def _patience(self) -> float:
        if self.lingering:
            return REFUSAL_SECONDS
        if self.receives_body:
            return REST_SECONDS
        if self._head_bytes:
            return HEAD_SECONDS
        if self._stopping:
            return STOP_SECONDS
        return IDLE_SECONDS if self._asked else HEAD_SECONDS

    def _wait_for_head(self) -> None:
        """After a feed that ended between two requests or within a head."""
        if not self._fed:
            return
        if not self._head_bytes and self._waiting_since is not None:
            self._waiting_since = self.loop.time()
        self._head_bytes += self._fed
        if self._head_bytes > MOST_HEAD_BYTES:
            self._stop_parsing(_head_too_large())

    def _check_head(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MOST_HEAD_BYTES:
            raise _head_too_large()

    def _stop_parsing(self, error: Exception) -> None:
        """Answer what can be answered, say why no more is, and close."""
        reason = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else error
        received = "something else" if reason is not error else quoted(str(error))
        problem = reason if isinstance(reason, RequestError) else _wrong("an HTTP request", received)
        self.logger.warning("Invalid HTTP request received: %s", problem.message)
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._refuse(problem)
        elif not self.receives_body:  # the wrong request is the one behind it
            self._hear_no_more()
            self._close_after_last_answer()
        elif cycle.response_started or self.pipeline:
            self._inner.abort()
        else:
            cycle.disconnected = True
            cycle.message_event.set()
            self._refuse(problem)

    def _refuse(self, problem: RequestError) -> None:
        body = orjson.dumps(as_json(problem.message, problem.hint))
        head = [STATUS_LINE[problem.status], b"content-type: application/json\r\nconnection: close\r\n"]
        head += [b"content-length: ", str(len(body)).encode("ascii"), b"\r\n\r\n"]
        self._inner.write(b"".join([*head, body]))
        self.linger()

    def _close_after_last_answer(self) -> None:
        cycle = self.cycle
        if cycle is not None and not cycle.response_started and cycle.keep_alive:
            cycle.keep_alive = False
            self._held_open = cycle

    def _wait_for_client(self, unsent: int, now: float) -> None:
        """A client that takes its answer slowly is waited for, one that takes nothing of it is not."""
        if self._unsent and unsent >= self._unsent:
            self._inner.abort()
        else:
            self._unsent, self._waiting_since = unsent, now


def make_room(connections: Iterable[Any], newcomer: BoundedProtocol) -> bool:
    """Close the tenth of the connections that have waited longest for their clients; whether there were any."""
    waiting = [one for one in connections if one is not newcomer and one.waiting_since is not None]
    longest = heapq.nsmallest(max(1, len(waiting) // 10), waiting, key=lambda one: one.waiting_since)
    for one in longest:
        one.abort()
    return bool(longest)


def sweep(connections: Iterable[Any], now: float) -> None:
    """Close what has waited too long, and what holds most memory where all together hold too much."""
    unsent = 0
    for one in connections:
        one.sweep(now)
        unsent += one.unsent_bytes
    if unsent > MOST_UNSENT_BYTES:
        for one in sorted(connections, key=lambda one: one.unsent_bytes, reverse=True):
            unsent -= one.unsent_bytes
            one.abort()
            if unsent <= MOST_UNSENT_BYTES:
                return


def _wrong(expected: str, received: str) -> RequestError:
    return RequestError(BAD, f"expected {expected}, got {received}", hint="see RFC 9112")


def _head_too_large() -> RequestError:
    return RequestError(
        HEAD_TOO_LARGE,
        f"expected a request head of at most {MOST_HEADERS} headers and {MOST_HEAD_BYTES:,} bytes, got more",
        hint="send fewer or shorter headers",
    )
