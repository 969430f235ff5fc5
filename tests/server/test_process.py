"""The server as a process: soon ready, patient with nobody, and ended without losing what it accepted."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

DIGITLAB = str(Path(sys.executable).with_name("digitlab"))
IMAGES = np.zeros((1, 28, 28), np.uint8).tobytes()


def post(address, body, kind="application/octet-stream", timeout=30):
    request = urllib.request.Request(f"{address}/v1/predict", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def connect(address):
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def test_it_answers_and_loads_no_tensorflow(server):
    status, told = post(server.address, IMAGES)
    assert status == 200
    assert len(told["predictions"][0]) == 10
    if Path("/proc").is_dir():
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert "onnxruntime" in maps
        assert "tensorflow" not in maps


def test_every_request_is_a_line_of_json_with_its_id(start_server):
    server = start_server()
    request = urllib.request.Request(f"{server.address}/healthz", headers={"X-Request-Id": "mine-1"})
    urllib.request.urlopen(request, timeout=30).read()
    assert server.stop() == 0
    (told,) = [json.loads(line) for line in server.lines if line.startswith("{")]
    assert (told["request_id"], told["method"], told["path"], told["status"]) == ("mine-1", "GET", "/healthz", 200)
    assert told["ms"] >= 0


def test_the_key_comes_from_the_environment(start_server):
    server = start_server("--quiet", env={"DIGITLAB_API_KEY": "s3cret"})
    status, told = post(server.address, IMAGES)
    assert status == 401
    assert "API key" in told["error"]["message"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_under_load_it_answers_what_it_accepted(start_server, number):
    server = start_server("--quiet")
    answered, lost = [], []
    stopping = threading.Event()
    body = IMAGES * 2000

    def ask():
        while not stopping.is_set():
            sent = False
            try:
                with connect(server.address) as line:
                    head = f"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
                    line.sendall(
                        (head + "Content-Type: application/octet-stream\r\nConnection: close\r\n\r\n").encode()
                    )
                    line.sendall(body)
                    sent = True
                    answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
            except OSError:
                if sent and not stopping.is_set():
                    lost.append("broken off")
                return  # refused: it listens no more
            (answered if answer.startswith(b"HTTP/1.1 200") else lost).append(answer[:80])

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    server.process.send_signal(number)
    code = server.process.wait(40)
    stopping.set()
    for thread in threads:
        thread.join(30)
    assert code == 0
    assert len(answered) > 6
    # A connection that the system took and the server never did is closed without a word: nothing was accepted.
    assert [answer for answer in lost if answer not in (b"", "broken off")] == []


@pytest.fixture
def many_files():
    """As many open files as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1200:
        pytest.skip(f"this machine lets a process open {hard} files, and a thousand connections are more")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_idle_connections_keep_nobody_waiting(server, many_files):
    idle = [connect(server.address) for _ in range(1000)]
    try:
        started = time.monotonic()
        assert post(server.address, IMAGES)[0] == 200
        assert time.monotonic() - started < 5
    finally:
        for line in idle:
            line.close()


def test_a_port_that_is_taken_is_two_lines_and_exit_code_2(server):
    port = server.address.rsplit(":", 1)[1]
    process = subprocess.run([DIGITLAB, "serve", "--port", port], capture_output=True, text=True, timeout=60)
    assert process.returncode == 2
    first, second = process.stderr.strip().splitlines()
    assert first.startswith(f"error: expected to listen on 127.0.0.1, port {port}")
    assert second.startswith("hint: ")


def test_a_slow_client_is_told_so(monkeypatch, client_of):
    import asyncio

    import uvicorn

    from digitlab.server import Settings, create_app

    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(settings=Settings(body_seconds=0.5))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
    thread.start()
    try:
        with connect(f"http://127.0.0.1:{listening.getsockname()[1]}") as line:
            line.sendall(
                b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 784\r\n"
                b"Content-Type: application/octet-stream\r\n\r\nabc"
            )
            answer = b""
            while b"within 0.5 s" not in answer and (more := line.recv(1 << 16)):
                answer += more  # head and body come as they like
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"within 0.5 s" in answer
    finally:
        server.should_exit = True
        thread.join(20)


def test_without_fastapi_it_says_what_to_install(tmp_path):
    code = (
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'fastapi' else real(name, *a)\n"
        "from digitlab.cli.main import main; main(['serve'])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), timeout=60
    )
    assert process.returncode == 2
    assert 'pip install "digitlab[serve]"' in process.stderr
