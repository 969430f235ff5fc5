"""What a client may send over HTTP, and how slowly: every connection ends, and others are answered meanwhile."""

import asyncio
import json
import socket
import threading
import time

import psutil
import pytest
import uvicorn

from digitlab.server import create_app, protocol
from digitlab.server.body import Bodies
from digitlab.server.problems import RequestError
from digitlab.server.settings import Settings
from digitlab.server.stopping import StoppableServer
from raw_http import connect, exchange, request

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
CLOSE = b"Connection: close\r\n\r\n"
CHUNKED = (
    b"POST /v1/predict HTTP/1.1\r\n"
    + HOST
    + b"Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture(scope="module")
def address():
    """A server in a thread whose patience is short."""
    app = create_app()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HEAD_SECONDS", "REST_SECONDS", "REFUSAL_SECONDS"):
            patch.setattr(protocol, name, 0.5)
        patch.setattr(protocol, "IDLE_SECONDS", 1.5)
        patch.setattr(protocol.BoundedProtocol, "most_connections", 200)
        listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        config = uvicorn.Config(app, http=protocol.BoundedProtocol, ws="none", lifespan="off", log_config=None)
        server = StoppableServer(config, ready=lambda: None, end_work=app.state.workers.close)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        yield "http://{}:{}".format(*listening.getsockname())
        server.should_exit = True
        thread.join(40)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "content",
    [
        GET + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        GET + b"X: " + b"a" * 700_000,
        GET + b"a: b\r\n" * 101 + b"\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\r\n" * 50_000,
    ],
    ids=["a long header", "a header without an end", "many headers", "a long path", "blank lines"],
)
def test_a_head_is_bounded(address, content):
    assert exchange(address, content).startswith(b"HTTP/1.1 431 ")


def test_a_head_within_the_bounds_is_taken(address):
    assert exchange(address, GET + b"X: " + b"a" * 60_000 + b"\r\n" + CLOSE).startswith(b"HTTP/1.1 200 ")
    assert exchange(address, GET + b"a: b\r\n" * 90 + CLOSE).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "content",
    [
        CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n",
        CHUNKED + b"1;" + b"a" * 500_000 + b"\r\nx\r\n0\r\n\r\n",
        CHUNKED + b"310\r\n" + bytes(784) + b"\r\n0\r\n" + b"a: b\r\n" * 100_000 + b"\r\n",
        CHUNKED + b"310\r\n" + bytes(784) + b"\r\n0\r\na: " + b"b" * 500_000 + b"\r\n\r\n",
        CHUNKED + b"zz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET http://127.0.0.1 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=[
        "chunks of a byte", "a chunk extension", "many trailers", "a long trailer", "no chunk", "TLS", "HTTP/2",
        "CONNECT", "no path", "no ASCII", "a long length", "two lengths",
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_in_the_shape_of_every_error(address, content):
    head, _, body = exchange(address, content).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["hint"]


def test_chunks_of_a_usual_size_and_a_few_trailers_are_taken(address):
    chunks = b"".join(b"%x\r\n%s\r\n" % (28, bytes(28)) for _ in range(28 * 50))
    answer = exchange(address, CHUNKED.replace(b"\r\n\r\n", b"\r\n" + CLOSE) + chunks + b"0\r\na: b\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"labels"' in answer


def test_pipelined_requests_are_answered_in_order_up_to_a_number(address):
    answer = exchange(address, (GET + b"\r\n") * 10 + GET + CLOSE)
    assert answer.count(b"HTTP/1.1 200") == 11
    answer = exchange(address, (GET + b"\r\n") * 5000)
    assert answer.count(b"HTTP/1.1 200") == answer.count(b'{"status":"ok"}') == protocol.MOST_PIPELINED + 1


@pytest.mark.parametrize("protocols", [b"websocket", b"h2c"])
def test_an_upgrade_is_not_taken(address, protocols):
    answer = exchange(address, GET + b"Connection: Upgrade\r\nUpgrade: " + protocols + b"\r\n\r\n" + b"\x00" * 9)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer


@pytest.mark.parametrize("path", [b"//", b"/%00", b"/%ff%1b[31m", b"*", b"//evil.example/"])
@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"TRACE", b"PROPFIND"])
def test_odd_paths_and_methods_have_the_shape_of_every_error(address, method, path):
    head, _, body = exchange(address, method + b" " + path + b" HTTP/1.1\r\n" + HOST + CLOSE).partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 405 "))
    assert json.loads(body)["error"]["message"]


def test_http_1_0_without_a_host_is_refused(address):
    assert exchange(address, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421 ")


def test_a_client_that_expects_100_is_told_before_it_sends_too_much(address):
    head = b"POST /v1/read HTTP/1.1\r\n" + HOST + b"Content-Type: image/png\r\nExpect: 100-continue\r\n"
    with connect(address) as line:
        line.sendall(head + b"Content-Length: 99999999999\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_an_upload_that_is_too_large_is_told_so_even_to_a_client_that_reads_late(address):
    answer = exchange(address, request("/v1/read", bytes(40_000_000), "image/png", close=True))
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("content", [b"", GET, GET + b"X: ", GET + b"\r\n", request("/healthz", b"x" * 100)[:-50]])
def test_no_connection_stays_that_sends_no_more(address, content):
    answer = exchange(address, content)  # which ends when the server has closed the connection
    assert answer == b"" or answer.startswith((b"HTTP/1.1 408", b"HTTP/1.1 200", b"HTTP/1.1 405"))


def test_a_head_that_comes_byte_by_byte_is_not_waited_for(address):
    with connect(address) as line, pytest.raises(OSError, match=r"."):
        for _ in range(600):
            line.sendall(b"a")
            time.sleep(0.05)


def test_new_connections_take_the_place_of_those_that_waited_longest(address):
    lines = [connect(address) for _ in range(230)]
    try:
        assert exchange(address, GET + CLOSE).startswith(b"HTTP/1.1 200 ")
    finally:
        for line in lines:
            line.close()


def test_a_client_that_takes_no_answer_is_let_go(address):
    """Its connection is gone though it never closed it."""
    body = bytes(784 * 9000)
    with connect(address) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(3):
            line.sendall(request("/v1/predict", body))
        ours = line.getsockname()
        for _ in range(400):
            if not [
                one
                for one in psutil.Process().net_connections("tcp")
                if one.raddr == ours and one.status == "ESTABLISHED"
            ]:
                return
            time.sleep(0.05)
    raise AssertionError("the connection is still there")


class _Sent:
    """A request whose body comes in parts."""

    def __init__(self, parts, length=None):
        self.headers = {} if length is None else {"content-length": length}
        self._parts = parts

    async def stream(self):
        for part in self._parts:
            await asyncio.sleep(0)
            yield part


def test_all_bodies_together_are_bounded_and_counted_out_again():
    bodies = Bodies(Settings(most_bytes=100_000))

    async def receive(parts):
        return await bodies.receive(_Sent(parts))

    held = [asyncio.run(receive([bytes(50_000)] * 2)) for _ in range(3)]
    assert bodies.held == 300_000
    with pytest.raises(RequestError, match="300,000 bytes of all bodies") as caught:
        asyncio.run(receive([b"x", b"y"]))
    assert caught.value.status == 503
    for body in held:
        bodies.release(body)
    assert bodies.held == 0
    assert asyncio.run(receive([b"x", b"", b"yz"])) == b"xyz"
    with pytest.raises(RequestError, match="got more"):
        asyncio.run(receive([bytes(60_000)] * 2))
    assert bodies.held == 0


@pytest.mark.parametrize("length", ["9" * 5000, "99999999999"])
def test_a_declared_length_is_bounded_however_many_digits_it_has(length):
    with pytest.raises(RequestError, match="at most 33,554,432 bytes"):
        asyncio.run(Bodies(Settings()).receive(_Sent([], length)))
