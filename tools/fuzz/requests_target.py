"""Raw HTTP requests, given to the server's own protocol in process: heads, bodies, forms, JSON and chunks."""

from __future__ import annotations

import asyncio
import json
import random
import re
from functools import cached_property
from typing import Any, cast

import numpy as np
import orjson
import seeds
from mutations import WRONG_VALUES, mutate_bytes, mutate_json, mutate_text

ANSWER_SECONDS = 20.0
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
# A server that is busy says so; every other 5xx is a fault of its own.
FAULTS = re.compile(rb"HTTP/1\.1 5(?!03)\d\d ")


class Requests:
    """One connection per input."""

    name = "requests"

    def open(self) -> None:
        """Start the application, without a socket."""
        import logging

        from uvicorn import Config
        from uvicorn.server import ServerState

        from digitlab.server import Settings, create_app
        from digitlab.server.protocol import BoundedProtocol

        self._protocol = BoundedProtocol
        logging.disable(logging.WARNING)  # of requests that are refused
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        app = create_app(settings=Settings(hosts=("*",), workers=1))
        self._config = Config(app, log_config=None, access_log=False, lifespan="off")
        self._config.load()
        self._state = ServerState()
        for head, body in self.seeds:
            answer = self._loop.run_until_complete(self._answer(head + b"\r\n\r\n" + body))
            assert answer.startswith(b"HTTP/1.1 200 "), ascii(answer[:600])

    @cached_property
    def seeds(self) -> list[tuple[bytes, bytes]]:
        """Head and body of sound requests."""
        return _requests()

    def mutate(self, rng: random.Random) -> bytes:
        """A request, mutated in its head, its body, or both."""
        head, body = rng.choice(self.seeds)
        kind = rng.random()
        if kind < 0.3:
            head = mutate_text(head, rng)
        elif kind < 0.9:
            body = _mutate_body(head, body, rng)
        if rng.random() < 0.9:  # a length that fits, so that most bodies are looked at
            head = re.sub(rb"(?i)content-length: *\d+", b"content-length: %d" % len(body), head)
        return head + b"\r\n\r\n" + body

    def run(self, content: bytes) -> None:
        """Answer the request; the answer is no fault, and its body is what its head says."""
        answer = self._loop.run_until_complete(self._answer(content))
        assert not FAULTS.search(answer), ascii(answer[:600])
        status = STATUS.match(answer)
        if status and b"content-type: application/json" in answer.partition(b"\r\n\r\n")[0].lower():
            first = answer.partition(b"\r\n\r\n")[2].split(b"HTTP/1.1 ")[0]
            if b"transfer-encoding" not in answer.partition(b"\r\n\r\n")[0].lower() and first:
                json.loads(first, parse_constant=_refuse_constant)

    async def _answer(self, content: bytes) -> bytes:
        protocol = self._protocol(self._config, self._state, {}, self._loop)
        transport = _Transport(protocol)
        protocol.connection_made(cast("Any", transport))
        for start in range(0, len(content), 65536):
            if transport.closed:
                break
            protocol.data_received(content[start : start + 65536])
        tasks = list(self._state.tasks)
        if protocol.receives_body:  # the client went away in the middle of it
            protocol.connection_lost(None)
        done, late = await asyncio.wait(tasks, timeout=ANSWER_SECONDS) if tasks else ((), ())
        for task in done:
            task.result()
        for task in late:
            task.cancel()
        assert not late, "no answer"
        if not protocol.receives_body:
            protocol.connection_lost(None)
        await asyncio.sleep(0)
        return bytes(transport.written)


class _Transport(asyncio.Transport):
    """What the protocol writes to."""

    def __init__(self, protocol: Any) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 8000)})
        self.written = bytearray()
        self.closed = False
        self._protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += data

    def close(self) -> None:
        """Nothing more is written."""
        self.closed = True

    abort = close

    def write_eof(self) -> None:
        """The answer is whole."""

    def get_write_buffer_size(self) -> int:
        """The client takes everything at once."""
        return 0

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def pause_reading(self) -> None:
        """All has been read already."""

    def resume_reading(self) -> None:
        """All has been read already."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """For an upgrade, which is refused."""
        self._protocol = protocol


def _refuse_constant(name: str) -> None:
    msg = f"{name} in JSON"
    raise AssertionError(msg)


def _requests() -> list[tuple[bytes, bytes]]:
    """Head and body of sound requests."""
    import base64

    picture = seeds.pictures()["plain-grey.png"]
    image = np.zeros((28, 28), int).tolist()
    form = (
        b'--B\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        + picture
        + b"\r\n--B--\r\n"
    )
    canvas = orjson.dumps({"canvas": "data:image/png;base64," + base64.b64encode(picture).decode()})
    found = [
        _request("POST /v1/predict", "application/json", orjson.dumps({"instances": [image]})),
        _request("POST /v1/predict", "application/octet-stream", bytes(784)),
        _request("POST /v1/read", "image/png", picture),
        _request("POST /v1/read", "multipart/form-data; boundary=B", form),
        _request("POST /v1/read", "application/json", canvas),
    ]
    found += [_request(f"GET {path}", "", b"") for path in ("/", "/v1/model", "/healthz", "/metrics", "/openapi.json")]
    return found


def _request(line: str, kind: str, body: bytes) -> tuple[bytes, bytes]:
    lines = [f"{line} HTTP/1.1", "Host: 127.0.0.1:8000", "Accept: */*", "X-Request-Id: abc"]
    if kind:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode(), body


def _mutate_body(head: bytes, body: bytes, rng: random.Random) -> bytes:
    if b"application/json" in head:
        if rng.random() < 0.7:
            return mutate_json(body, rng)
        if rng.random() < 0.2:
            return json.dumps({"instances": [rng.choice(WRONG_VALUES)] * rng.randint(1, 30)}).encode(
                "utf-8", "surrogatepass"
            )
    return (mutate_text if b"multipart" in head else mutate_bytes)(body, rng)
