"""A server in a process of its own, as a user starts it, and a client of the application alone."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digitlab.server import Settings, create_app

ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def client_of():
    """A client of an application with these settings, for a host that is allowed; its workers end with the module."""
    apps = []

    def make(settings=None, **options):
        apps.append(create_app(settings=settings or Settings(), **options))
        return TestClient(apps[-1], base_url=ADDRESS)

    yield make
    for app in apps:
        app.state.workers.close()


@pytest.fixture(scope="module")
def client(client_of):
    """A client of one application for all tests of a module, since each application starts workers of its own."""
    return client_of()


class Server:
    """A server of ours, by its process."""

    def __init__(self, *options, env=None):
        command = [str(Path(sys.executable).with_name("digitlab")), "serve", "--port", "0", *options]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}, bufsize=1
        )
        self.lines = []
        first = self.process.stderr.readline()
        found = re.search(r"http://[^ ]+/", first)
        if not found:
            self.process.wait(10)
            raise AssertionError(first + self.process.stderr.read())
        self.address = found[0].rstrip("/")
        # Read on, or the server would stand still when the pipe is full.
        self._reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True)
        self._reader.start()

    def stop(self, number=signal.SIGTERM):
        """Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(40)
        self._reader.join(10)
        self.process.stderr.close()
        return code


@pytest.fixture
def start_server():
    """Start a server; all that were started are stopped at the end."""
    servers = []

    def start(*options, env=None):
        servers.append(Server(*options, env=env))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def server():
    """One server for several tests."""
    started = Server("--quiet")
    yield started
    started.stop()
