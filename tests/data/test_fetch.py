"""Fetching: mirror after mirror, verified, whole or not at all, and given up soon. Mirrors are servers of our own."""

import contextlib
import gc
import gzip
import hashlib
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pooch  # noqa: F401 - imported in time: the first mirror's turn is no time to import it
import pytest
import requests  # noqa: F401 - likewise

from digitlab.data.fetch import fetch
from digitlab.data.known import SIZES, KnownSet
from digitlab.errors import DownloadError

IMAGES, LABELS = np.random.default_rng(0).bytes(200_000), bytes(range(100))
CONTENTS = {"tiny-images": IMAGES, "tiny-labels": LABELS}
ZIPPED = {f"/{name}.gz": gzip.compress(content) for name, content in CONTENTS.items()}


# pooch leaves the answer to a refused request to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def straight_to_the_mirrors(monkeypatch):
    """The tiny set's sizes, no proxy, and nothing left behind by a download that was given up."""
    monkeypatch.setenv("NO_PROXY", "*")
    for name, content in CONTENTS.items():
        monkeypatch.setitem(SIZES, name, len(content))
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
    gc.collect()


def tiny(*mirrors):
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    return KnownSet("tiny", checksums, mirrors, ("a", "b"))


def assert_is_whole(folder):
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENTS


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def serve():
    """Start mirrors: `serve(answer)` gives one with `.url` and the `.requests` it got, closed after the test.

    `answer(handler)` answers one request. What waits for `mirror.closing` ends with the test.
    """
    with contextlib.ExitStack() as stack:
        yield lambda answer=send_file: stack.enter_context(mirror(answer))


@contextlib.contextmanager
def mirror(answer):
    closing, asked, connections = threading.Event(), [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            connections.append(self.connection)
            self.closing = closing
            with contextlib.suppress(OSError):  # the other side may have lost its patience
                answer(self)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = False  # so that closing the server waits for them

        def handle_error(self, request, client_address):
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield types.SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/", requests=asked, closing=closing)
        finally:
            closing.set()
            for connection in connections:  # one that nobody reads from any more would be written to for ever
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            server.shutdown()
            thread.join()


def send_file(handler):
    send(handler, ZIPPED[handler.path])


def send(handler, content, length=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def send_missing(handler):
    handler.send_error(404)


def send_something_else(handler):
    send(handler, gzip.compress(b"<html>log in to the network of this hotel</html>"))


def send_half_and_wait(handler):
    whole = ZIPPED[handler.path]
    send(handler, whole[: len(whole) // 2], length=len(whole))
    handler.closing.wait(20)


def send_half_and_hang_up(handler):
    whole = ZIPPED[handler.path]
    send(handler, whole[: len(whole) // 2], length=len(whole))


@pytest.fixture
def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    return f"http://127.0.0.1:{number}/"


@pytest.fixture
def silent_ports():
    """Three mirrors that take a connection and never answer."""
    with contextlib.ExitStack() as stack:
        listening = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        yield [f"http://127.0.0.1:{one.getsockname()[1]}/" for one in listening]


def test_the_files_come_decompressed_into_a_folder_of_the_sets_name(serve, tmp_path):
    assert fetch(tiny(serve().url), tmp_path) == tmp_path / "tiny"
    assert_is_whole(tmp_path / "tiny")


def test_a_dead_mirror_is_passed_over(serve, closed_port, tmp_path):
    assert_is_whole(fetch(tiny(closed_port, serve().url), tmp_path))


@pytest.mark.parametrize(
    "answer", [send_missing, send_something_else, send_half_and_hang_up], ids=["404", "wrong content", "half"]
)
def test_a_mirror_that_lacks_a_file_is_passed_over_and_asked_last_from_then_on(serve, tmp_path, answer):
    bad, good = serve(answer), serve()
    assert_is_whole(fetch(tiny(bad.url, good.url), tmp_path))
    assert bad.requests == ["/tiny-images.gz"]
    assert good.requests == ["/tiny-images.gz", "/tiny-labels.gz"]


def test_mirrors_may_be_named_in_place_of_the_sets_own(serve, closed_port, tmp_path):
    assert_is_whole(fetch(tiny(closed_port), tmp_path, mirrors=(serve().url,)))


def test_when_every_mirror_fails_the_error_says_what_each_said(serve, closed_port, tmp_path):
    missing, wrong = serve(send_missing), serve(send_something_else)
    with pytest.raises(DownloadError) as caught:
        fetch(tiny(closed_port, missing.url, wrong.url), tmp_path)
    said = dict(part.split(": ", 1) for part in caught.value.message.split("(", 1)[1].split("; "))
    host = [url.split("/")[2] for url in (closed_port, missing.url, wrong.url)]
    assert caught.value.message.startswith("tiny-images could be had from no mirror")
    assert said[host[0]].startswith("cannot be reached")
    assert said[host[1]] == "HTTP status 404"
    assert said[host[2]].startswith("its content is not what was published")
    assert "DIGITLAB_DATA" in caught.value.hint
    assert files_in(tmp_path) == []


def test_mirrors_that_never_answer_are_given_up_within_the_patience_in_all(silent_ports, tmp_path, monkeypatch):
    monkeypatch.setattr("digitlab.data.fetch.PATIENCE_S", 0.9)
    begin = time.monotonic()
    with pytest.raises(DownloadError) as caught:
        fetch(tiny(*silent_ports), tmp_path)
    assert time.monotonic() - begin < 2.4  # not three times the patience
    assert caught.value.message.count("no answer") == 3


def test_a_mirror_behind_one_that_never_answers_still_gets_its_turn(serve, silent_ports, tmp_path, monkeypatch):
    def send_after_a_while(handler):
        time.sleep(0.2)
        send_file(handler)

    monkeypatch.setattr("digitlab.data.fetch.PATIENCE_S", 1.5)
    assert_is_whole(fetch(tiny(silent_ports[0], serve(send_after_a_while).url), tmp_path))


def test_a_mirror_that_stops_halfway_is_left_for_the_next(serve, tmp_path, monkeypatch):
    monkeypatch.setattr("digitlab.data.fetch.STALL_S", 0.5)
    begin = time.monotonic()
    assert_is_whole(fetch(tiny(serve(send_half_and_wait).url, serve().url), tmp_path))
    assert time.monotonic() - begin < 5


def test_a_mirror_that_stops_halfway_is_not_called_unreachable(serve, tmp_path, monkeypatch):
    monkeypatch.setattr("digitlab.data.fetch.STALL_S", 0.5)
    with pytest.raises(DownloadError, match="it stopped sending"):
        fetch(tiny(serve(send_half_and_wait).url), tmp_path)


def test_a_slow_mirror_that_keeps_sending_is_waited_for(serve, tmp_path, monkeypatch):
    def send_slowly(handler):
        content = ZIPPED[handler.path]
        send(handler, content[:2000], length=len(content))
        for start in range(2000, 12_000, 1000):  # the first 12,000 bytes take twice the patience
            time.sleep(0.1)
            handler.wfile.write(content[start : start + 1000])
        handler.wfile.write(content[12_000:])

    monkeypatch.setattr("digitlab.data.fetch.PATIENCE_S", 0.5)
    assert_is_whole(fetch(tiny(serve(send_slowly).url), tmp_path))


def test_a_mirror_that_sends_without_end_is_cut_off(serve, tmp_path):
    sent = 0

    def send_endlessly(handler):
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        while sent < 64_000_000 and not handler.closing.is_set():
            handler.wfile.write(bytes(1_000_000))
            sent += 1_000_000

    with pytest.raises(DownloadError):
        fetch(tiny(serve(send_endlessly).url), tmp_path)
    assert sent < 32_000_000  # of a file of 200,000


@pytest.mark.parametrize("answer", [send_half_and_hang_up, send_something_else, send_missing])
def test_a_failed_fetch_leaves_no_file_and_a_later_one_goes_on(serve, tmp_path, answer):
    with pytest.raises(DownloadError):
        fetch(tiny(serve(answer).url), tmp_path)
    assert files_in(tmp_path) == []
    assert_is_whole(fetch(tiny(serve().url), tmp_path))


def test_what_is_there_and_right_is_not_fetched_again(serve, tmp_path):
    server = serve()
    for _ in range(2):
        fetch(tiny(server.url), tmp_path)
    assert len(server.requests) == 2


@pytest.mark.parametrize("damaged", [IMAGES[:-1], IMAGES + b"\0", b"\1" + IMAGES[1:], b""])
def test_only_what_is_damaged_is_fetched_again(serve, tmp_path, damaged):
    server = serve()
    fetch(tiny(server.url), tmp_path)
    server.requests.clear()
    (tmp_path / "tiny" / "tiny-images").write_bytes(damaged)
    assert_is_whole(fetch(tiny(server.url), tmp_path))
    assert server.requests == ["/tiny-images.gz"]


def test_progress_is_told_with_totals_and_never_goes_back(serve, tmp_path):
    told = {}
    fetch(
        tiny(serve().url), tmp_path, progress=lambda name, done, total: told.setdefault(name, []).append((done, total))
    )
    for name in CONTENTS:
        size = len(ZIPPED[f"/{name}.gz"])
        done = [done for done, _ in told[name]]
        assert {total for _, total in told[name]} == {size}
        assert done == sorted(done)
        assert done[-1] == size
    assert len(told["tiny-images"]) > 2


def test_progress_without_a_length_from_the_mirror_has_no_total_and_never_goes_back(serve, tmp_path):
    def send_without_length(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(ZIPPED[handler.path])

    told = []
    fetch(
        tiny(serve(send_without_length).url),
        tmp_path,
        progress=lambda name, done, total: told.append((done, total)) if name == "tiny-images" else None,
    )
    done = [done for done, _ in told]
    assert {total for _, total in told} == {0}
    assert done == sorted(done)


# Processes

FETCH = """
import json, sys
from pathlib import Path
from digitlab.data.fetch import fetch
from digitlab.data.known import SIZES, KnownSet
given = json.loads(sys.argv[1])
SIZES.update(given["sizes"])
fetch(KnownSet("tiny", given["checksums"], (given["url"],), ("a", "b")), Path(sys.argv[2]))
"""


def start_fetch(url, folder, scratch):
    given = {
        "url": url,
        "sizes": {name: len(content) for name, content in CONTENTS.items()},
        "checksums": tiny().checksums,
    }
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, json.dumps(given), folder],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.skipif(os.name == "nt", reason="signals are sent another way there")
def test_an_interrupted_fetch_leaves_no_file(serve, tmp_path):
    halfway = threading.Event()

    def send_half_tell_and_wait(handler):
        whole = ZIPPED[handler.path]
        send(handler, whole[: len(whole) // 2], length=len(whole))
        halfway.set()
        handler.closing.wait(20)

    cache, scratch = tmp_path / "cache", tmp_path / "scratch"
    scratch.mkdir()
    with start_fetch(serve(send_half_tell_and_wait).url, cache, scratch) as process:
        assert halfway.wait(20)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in err
    assert files_in(tmp_path) == []


def test_two_processes_at_once_end_with_one_good_copy(serve, tmp_path):
    both_here = threading.Barrier(2, timeout=20)

    def send_when_both_ask(handler):
        if handler.path == "/tiny-images.gz":
            both_here.wait()
        send_file(handler)

    cache = tmp_path / "cache"
    server = serve(send_when_both_ask)
    with start_fetch(server.url, cache, tmp_path) as first, start_fetch(server.url, cache, tmp_path) as second:
        for process in (first, second):
            _, err = process.communicate(timeout=30)
            assert (process.returncode, err) == (0, "")
    assert server.requests.count("/tiny-images.gz") == 2
    assert_is_whole(cache / "tiny")


def test_an_error_of_the_progress_function_is_the_callers_own(serve, tmp_path):
    def fail(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fetch(tiny(serve().url), tmp_path, progress=fail)
    assert files_in(tmp_path) == []
