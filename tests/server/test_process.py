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

from digitlab.cli.main import main
from raw_http import connect, receive_answer, request

DIGITLAB = str(Path(sys.executable).with_name("digitlab"))
IMAGES = np.zeros((1, 28, 28), np.uint8).tobytes()


def post(address, body, kind="application/octet-stream", timeout=30):
    request = urllib.request.Request(f"{address}/v1/predict", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


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


SHORT, KEPT = 6, 6


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_under_load_it_answers_every_connection_that_was_established(start_server, number):
    server = start_server("--quiet")
    answered, lost = [], []
    stopping = threading.Event()

    def ask(body, close):
        """New connections, each for as many requests as the server allows, until there is no server."""
        while not stopping.is_set():
            try:
                line = connect(server.address)
            except OSError:
                return  # refused: it listens no more
            with line:
                ended = False
                while not ended and not stopping.is_set():
                    try:
                        line.sendall(request("/v1/predict", body, close=close))
                        answer = receive_answer(line)
                    except OSError as error:
                        answer = None
                        lost.append(repr(error))
                    ended = answer is None or b"connection: close" in answer[0]
                    good = answer is not None and answer[0].startswith(b"http/1.1 200")
                    (answered if good else lost).append(answer)

    threads = [threading.Thread(target=ask, args=(IMAGES * 2000, True)) for _ in range(2)]
    threads += [threading.Thread(target=ask, args=(IMAGES, True)) for _ in range(SHORT)]
    threads += [threading.Thread(target=ask, args=(IMAGES, False)) for _ in range(KEPT)]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    server.process.send_signal(number)
    code = server.process.wait(40)
    stopping.set()
    for thread in threads:
        thread.join(30)
    assert code == 0
    assert len(answered) > SHORT + KEPT
    assert lost == []


def test_told_to_stop_it_answers_a_request_on_a_connection_that_was_idle(start_server):
    server = start_server("--quiet")
    idle, new = connect(server.address), connect(server.address)
    idle.sendall(request("/v1/predict", IMAGES))
    assert b"connection: close" not in receive_answer(idle)[0]
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    for line in (idle, new):
        line.sendall(request("/v1/predict", IMAGES))
        assert b"connection: close" in receive_answer(line)[0]
        line.close()
    assert server.process.wait(40) == 0


def test_a_second_ctrl_c_stops_it_at_once_and_without_a_traceback(start_server):
    server = start_server("--quiet")
    with connect(server.address) as line:
        line.sendall(request("/v1/predict", IMAGES * 1000)[:200])  # the rest is never sent
        time.sleep(0.3)
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert server.process.poll() is None
        assert server.stop(signal.SIGINT) == 0
    assert server.lines == []


SIGNALLED = """
import os, signal, sys
from digitlab.server import create_app
from digitlab.server.run import serve

def end_me(*_):
    os.kill(os.getpid(), signal.{number})

app = create_app()
{before}
serve(app, "127.0.0.1", 0, ready={ready})
"""


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize(
    ("before", "ready"),
    [("", "end_me"), ("app.state.workers.start = end_me", "print")],
    ids=["at the ready line", "while it starts"],
)
def test_a_signal_is_never_too_early(number, before, ready):
    code = SIGNALLED.format(number=number, before=before, ready=ready)
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert process.returncode == 0, process.stderr
    assert process.stdout == ""


INTERRUPTED = """
import os, signal
import digitlab.server
from digitlab.cli.main import main

make = digitlab.server.create_app

def interrupted(*arguments, **options):
    os.kill(os.getpid(), signal.{number})
    return make(*arguments, **options)

digitlab.server.create_app = interrupted
main(["serve", "--port", "0"])
"""


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_a_signal_before_it_can_serve_interrupts_the_command_in_two_lines(number):
    code = INTERRUPTED.format(number=number)
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 1
    assert process.stderr == "interrupted before it was done\nhint: digitlab serve --port 0\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--host", "a..b"],
        ["--host", "a" * 300],
        ["--host", ""],
        ["--host", "192.0.2.1"],
        ["--host", "nowhere.invalid"],
        ["--port", "-1"],
        ["--port", "65536"],
        ["--port", "9" * 30],
        ["--most-mib", "0"],
        ["--most-mib", "99999999999"],
        ["--workers", "99999999999"],
    ],
)
def test_an_address_or_a_bound_that_cannot_be_is_two_lines_and_exit_code_2(options, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serve", *options])
    assert ended.value.code == 2
    first, second = capsys.readouterr().err.strip().splitlines()
    assert first.startswith("error: ")
    assert "unexpected" not in first
    assert second.startswith("hint: ")


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
