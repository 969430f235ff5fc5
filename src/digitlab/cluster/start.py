"""`ray_session`: Ray as it is found, or started here."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digitlab.errors import RunError, UsageError
from digitlab.runs.quiet import silenced_stderr

# Ray tells its makers what it is used for unless it is told not to; and it warns of itself on the terminal, in Python
# and in what is below.
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}

# A cluster that is there answers at once, also from another continent.
CONNECT_S = 10


@contextlib.contextmanager
def ray_session(
    address: str | None = None, *, cpus: int | None = None, object_store_bytes: int | None = None
) -> Iterator[Any]:
    """Ray, connected, and left again at the end.

    Args:
        address: Of a cluster that runs: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``. `None` starts Ray on this
            machine alone, and ends it.
        cpus: Cores that Ray may use where it is started here; all of them by default.
        object_store_bytes: Of memory that Ray may keep objects in where it is started here; Ray's own share by default.

    Yields:
        The module `ray`.

    Raises:
        RunError: No Ray answers at `address`, or none could be started.
        UsageError: The package is not installed.
    """
    if address is not None:
        _refuse_silence(address)
    settings = {**_SETTINGS, **(_as_the_cluster_asks(address) if address else {})}
    os.environ.update({name: os.environ.get(name, value) for name, value in settings.items()})
    ray = _import_ray()
    here = {} if address else {"num_cpus": cpus, "object_store_memory": object_store_bytes, "include_dashboard": False}
    # Ray says that its log level was changed before the change takes effect.
    with silenced_stderr():
        failed = _start(ray, address, here)
    if failed is not None:
        raise _refuse(address, failed) from failed
    try:
        yield ray
    finally:
        ray.shutdown()


def _as_the_cluster_asks(address: str) -> dict[str, str]:
    """Whether to show the token that the user has: neither a cluster without nor one with takes the other's driver.

    `ray start --head` asks for a token wherever its user had one then, and `ray.init` has one made. A cluster that says
    that it is well to somebody who shows none asks for none.
    """
    if "RAY_AUTH_MODE" in os.environ or not (Path.home() / ".ray" / "auth_token").is_file():
        return {}
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check"]
    command += [] if address == "auto" else ["--address", address.removeprefix("ray://")]
    asked = subprocess.run(command, capture_output=True, env={**os.environ, "RAY_AUTH_MODE": "disabled"}, check=False)  # noqa: S603 - our own words, and no shell
    return {"RAY_AUTH_MODE": "token" if asked.returncode else "disabled"}


def _refuse_silence(address: str) -> None:
    """Raise `RunError` where nothing listens: Ray itself would go on asking for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise _refuse(address, error) from error


def _start(ray: Any, address: str | None, here: dict[str, Any]) -> Exception | None:
    """Start Ray or connect to it; what went wrong, if anything did."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address or "local",
            logging_level=logging.ERROR,
            log_to_driver=False,
            configure_logging=True,
            ignore_reinit_error=False,
            **here,
        )
    except Exception as error:  # noqa: BLE001 - it is told by whoever asked, in two lines
        return error
    finally:  # Ray puts a handler of its own in its place
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
    return None


def _import_ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--engine ray needs the package {error.name}, which is not installed", hint='pip install "digitlab[ray]"'
        ) from error
    return ray


def _refuse(address: str | None, error: Exception) -> RunError:
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    if address is None:
        return RunError(f"expected to start Ray on this machine, got: {why}", hint="is there memory left in /dev/shm?")
    # A head that finds a token in its home folder asks everybody for it, and Ray shows it only where it is told to.
    asks = "InvalidAuthToken" in str(error)
    return RunError(
        f"expected a Ray cluster at {address}, got: {'it asks for its token' if asks else why}",
        hint="put the head's ~/.ray/auth_token there on this machine, and export RAY_AUTH_MODE=token"
        if asks
        else f"start one with `ray start --head`, or ask it: ray status --address {address}",
    )
