"""Worker processes: over a limit they are ended and replaced, and none outlives its server."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image, ImageDraw

import faulty_workers
from digitlab.server import Settings, create_app
from digitlab.server.pool import WorkerPool
from digitlab.server.problems import RequestError
from raw_http import connect, request

IMAGE = {"content-type": "image/png"}


@pytest.fixture(scope="module")
def drawn():
    """A 1, drawn, as the bytes of a PNG."""
    picture = Image.new("L", (96, 96), 255)
    ImageDraw.Draw(picture).line([(50, 12), (46, 84)], fill=0, width=8)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def faulty_client(client_of):
    """A client of an application whose one worker misbehaves as it is asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digitlab.server.process.CODE", faulty_workers.CODE)
        yield client_of(Settings(workers=1, worker_seconds=1.5))


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"hang", 413, "within 1.5 s"),
        (b"hang in C", 413, "within 1.5 s"),
        (b"hang with child", 413, "within 1.5 s"),
        (b"exit", 503, "the process that read it ended"),
        (b"segfault", 503, "the process that read it ended"),
        (b"eat", 413, "at most 512 MiB of memory"),
        (b"raise", 400, "ends in RuntimeError"),
        (b"flood", 400, "ends in ValueError"),
    ],
)
def test_a_worker_that_misbehaves_costs_its_own_request_alone(faulty_client, drawn, body, status, said):
    answer = faulty_client.post("/v1/read", content=body, headers=IMAGE)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
    assert "secret" not in answer.text
    assert faulty_client.post("/v1/read", content=drawn, headers=IMAGE).json()["text"] == "1"
    assert not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "61.5"]]


def test_the_log_has_what_a_worker_met_with(faulty_client, caplog):
    caplog.set_level(logging.ERROR, "digitlab.server")
    faulty_client.post("/v1/read", content=b"raise", headers={**IMAGE, "x-request-id": "mine-2"})
    faulty_client.post("/v1/read", content=b"exit", headers=IMAGE)
    first, second = (record.fields for record in caplog.records if record.message == "worker")
    assert first["request_id"] == "mine-2"
    assert "a secret of the decoder" in first["detail"]
    assert "exit code 3" in second["detail"]


def test_an_idle_worker_that_died_is_replaced_unseen(client_of, drawn):
    client = client_of(Settings(workers=1))
    assert client.post("/v1/read", content=drawn, headers=IMAGE).json()["text"] == "1"
    for worker in psutil.Process().children():
        worker.kill()
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # all of its threads are gone
    assert client.post("/v1/read", content=drawn, headers=IMAGE).json()["text"] == "1"


def test_a_network_that_no_worker_can_open_is_told(monkeypatch):
    pool = WorkerPool(Settings(workers=1), b"no network", "x")
    process = pool._processes[0]
    with pytest.raises(RequestError, match="none could be started") as caught:
        process.ask({"route": "read", "content_type": "image/png"}, b"")
    assert "expected an ONNX file" in caught.value.detail
    pool.close()


def test_workers_live_as_long_as_the_lifespan_and_may_live_again(client_of, drawn):
    client = client_of(Settings(workers=2))
    before = _workers()
    for _ in range(2):
        with client:
            assert len(_workers() - before) == 2
            assert client.post("/v1/read", content=drawn, headers=IMAGE).json()["text"] == "1"
        assert _workers() == before


def test_workers_end_when_their_application_is_forgotten(drawn):
    import gc

    from starlette.testclient import TestClient

    before = _workers()
    client = TestClient(create_app(settings=Settings(workers=1)), base_url="http://127.0.0.1:8000")
    assert client.post("/v1/read", content=drawn, headers=IMAGE).json()["text"] == "1"
    assert len(_workers() - before) == 1
    del client
    gc.collect()
    assert _workers() == before


def test_a_worker_sees_neither_the_key_nor_a_log(client_of, drawn, monkeypatch):
    monkeypatch.setenv("DIGITLAB_API_KEY", "s3cret")
    before = _workers()
    client = client_of(Settings(workers=1))
    client.post("/v1/read", content=drawn, headers=IMAGE)
    (pid,) = _workers() - before
    assert "DIGITLAB_API_KEY" not in psutil.Process(pid).environ()
    assert os.getpgid(pid) == pid
    if Path("/proc").is_dir():
        assert {str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (0, 1, 2)} == {"/dev/null"}
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert "onnxruntime" in maps
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert [line.split()[3] for line in limits.splitlines() if line.startswith("Max file size")] == ["0"]


def test_large_json_is_parsed_by_a_worker(client_of):
    before = _workers()
    client = client_of(Settings(workers=1))
    images = np.zeros((50, 28, 28), np.uint8)
    assert client.post("/v1/predict", content=images.tobytes(), headers={"content-type": "application/octet-stream"})
    assert _workers() == before
    answer = client.post("/v1/predict", json={"instances": images.tolist()})
    assert answer.status_code == 200
    assert len(answer.json()["labels"]) == 50
    assert len(_workers() - before) == 1
    deep = b'{"instances": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    answer = client.post("/v1/predict", content=deep, headers={"content-type": "application/json"})
    assert answer.status_code == 400


@pytest.fixture
def faulty_server():
    """Start a server of `faulty_workers`; what is left of it is ended."""
    started = []

    def start(seconds):
        process = subprocess.Popen(
            [sys.executable, faulty_workers.__file__, str(seconds)], stderr=subprocess.PIPE, text=True, bufsize=1
        )
        started.append(process)
        return process, process.stderr.readline().strip().rstrip("/")

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


def test_nothing_outlives_a_server_that_is_killed(faulty_server):
    process, address = faulty_server(60)
    line = connect(address)
    line.sendall(request("/v1/read", b"hang with child", "image/png"))
    another = connect(address)
    another.sendall(request("/v1/read", b"hang in C", "image/png"))
    server = psutil.Process(process.pid)
    _wait_for(lambda: any(one.name() == "sleep" for one in server.children(recursive=True)))
    family = server.children(recursive=True)
    assert len(family) == 3
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    line.close()
    another.close()


def test_told_to_stop_it_ends_whatever_is_decoded(faulty_server):
    process, address = faulty_server(2)
    lines = [connect(address) for _ in range(3)]
    for line in lines:
        line.sendall(request("/v1/read", b"hang in C", "image/png", close=True))
    _wait_for(lambda: len(psutil.Process(process.pid).children()) == 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(40) == 0
    for line in lines:
        answer = b"".join(iter(lambda line=line: line.recv(1 << 16), b""))
        assert answer.startswith((b"HTTP/1.1 413", b"HTTP/1.1 503"))
        assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]["hint"]
        line.close()


def _workers():
    """Children of this process that live."""
    return {one.pid for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE}


def _wait_for(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")
