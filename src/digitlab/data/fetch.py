"""Fetching a known set: mirror after mirror, verified, and never waiting long for a network that is not there."""

from __future__ import annotations

import importlib
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from digitlab.data.known import SIZES, KnownSet, checksum
from digitlab.errors import DownloadError, RunError
from digitlab.runs import atomic_path
from digitlab.runs.commits import unfinished

Progress = Callable[[str, int, int], None]

# In all, before the very first byte from anywhere: without a network the user is told within 5 s.
PATIENCE_S = 4.0
# Once a mirror has been heard from, a silence of this long ends the attempt.
STALL_S = 10.0
CHUNK_BYTES = 1 << 13
# What a file may weigh beyond its decompressed content before it is cut off: it cannot be the file.
SLACK_BYTES = 1 << 20


def fetch(
    known: KnownSet,
    folder: Path,
    *,
    mirrors: tuple[str, ...] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Bring the files of a known set into ``folder/NAME``, verified and decompressed.

    Files that are there and right are not fetched again. Two processes at once end with one good copy:
    each writes a file of its own and renames it.

    Args:
        known: Which set.
        folder: The cache.
        mirrors: Instead of the set's own.
        progress: Called with file name, bytes done and bytes in all (0: unknown) as they come.

    Returns:
        The folder that holds the four files.

    Raises:
        DownloadError: Some file could be had from no mirror; the message says what each said.
    """
    target = folder / known.name
    attempt = _Attempt(list(known.mirrors if mirrors is None else mirrors), progress)
    importlib.import_module("pooch")  # now, so that it is not the first mirror whose time it takes
    for name, expected in known.checksums.items():
        path = target / name
        if not (path.is_file() and checksum(path, SIZES[name]) == expected):
            _fetch_file(attempt, name, expected, path)
    return target


@dataclass
class _Attempt:
    """One call of `fetch`: which mirrors are left to ask, and how long silence is borne."""

    mirrors: list[str]
    progress: Progress | None
    deadline: float = field(default_factory=lambda: time.monotonic() + PATIENCE_S)
    heard: bool = False

    def patience(self, mirrors_left: int) -> float:
        """Seconds to wait for the next first byte, so that every mirror gets its turn."""
        if self.heard:
            return STALL_S
        return max(0.0, self.deadline - time.monotonic()) / mirrors_left


def _fetch_file(attempt: _Attempt, name: str, expected: str, path: Path) -> None:
    said = []
    for position, mirror in enumerate(list(attempt.mirrors)):
        problem = _try_mirror(attempt, f"{mirror}{name}.gz", name, expected, path, len(attempt.mirrors) - position)
        if problem is None:
            # What has just answered is asked first for the next file.
            attempt.mirrors.remove(mirror)
            attempt.mirrors.insert(0, mirror)
            return
        said.append(f"{mirror.split('/')[2]}: {problem}")
    raise DownloadError(
        f"{name} could be had from no mirror ({'; '.join(said)})",
        hint=f"put {path.parent.name}'s four files into a folder and name it in DIGITLAB_DATA, or use --data sample",
    )


def _try_mirror(attempt: _Attempt, url: str, name: str, expected: str, path: Path, mirrors_left: int) -> str | None:
    """Fetch one file from one mirror; gives what went wrong, `None` if nothing did."""
    with tempfile.TemporaryDirectory(prefix="digitlab-") as scratch, unfinished(Path(scratch)):
        received = Path(scratch) / name
        download = _Download(url, received, name, SIZES[name] + SLACK_BYTES, attempt.progress)
        problem = download.wait(attempt.patience(mirrors_left))
        attempt.heard = attempt.heard or download.answered.is_set()
        if problem is not None:
            return problem
        if checksum(received, SIZES[name]) != expected:
            return "its content is not what was published (SHA-256 differs)"
        _keep(received, path, SIZES[name])
    return None


def _keep(received: Path, path: Path, size: int) -> None:
    from digitlab.data.bounded import read_at_most

    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(read_at_most(received, size))
    except RunError as error:
        raise DownloadError(error.message, hint="name another folder for fetched data in DIGITLAB_CACHE") from error


class _Download:
    """A download in a thread of its own, since a name server that does not answer cannot be timed out.

    It is also the progress bar that pooch's downloader reports to.
    """

    def __init__(self, url: str, target: Path, name: str, most_bytes: int, progress: Progress | None) -> None:
        self.answered = threading.Event()
        self._total = 0
        self._done_bytes = 0
        self._most_bytes = most_bytes
        self._ended = False
        self._name = name
        self._progress = progress
        self._error: Exception | None = None
        self._progress_error: BaseException | None = None
        self._abandoned = False
        self._last_byte = time.monotonic()
        self._thread = threading.Thread(target=self._run, args=(url, target), daemon=True)
        self._thread.start()

    def wait(self, patience_s: float) -> str | None:
        """Wait for the end, but for an answer no longer than `patience_s`; gives the problem, if any."""
        give_up = time.monotonic() + patience_s
        while self._thread.is_alive():
            self._thread.join(0.02)
            now = time.monotonic()
            answered = self.answered.is_set()
            if now > (self._last_byte + STALL_S if answered else give_up):
                self._abandoned = True
                return "it stopped sending" if answered else "no answer"
        if self._progress_error is not None:
            raise self._progress_error
        return None if self._error is None else _reason(self._error)

    def _tell(self, progress: Progress) -> None:
        try:
            progress(self._name, min(self._done_bytes, self._total or self._done_bytes), self._total)
        except BaseException as error:
            self._progress_error = error  # the caller's own, to be raised to the caller
            raise

    @property
    def total(self) -> int:
        """Bytes that the mirror has announced, 0 if it has not said."""
        return self._total

    @total.setter
    def total(self, count: int) -> None:
        """Told by pooch when the mirror has answered."""
        self._total = count
        self._last_byte = time.monotonic()
        self.answered.set()

    def update(self, count: int) -> None:
        """Told by pooch after every chunk."""
        if self._ended:
            return
        if self._abandoned:
            raise TimeoutError("abandoned")  # ends the thread
        self._last_byte = time.monotonic()
        self._done_bytes += count
        if self._done_bytes > self._most_bytes:
            raise _TooLong
        if self._progress is not None:
            self._tell(self._progress)

    def reset(self) -> None:
        """Told by pooch at the end; what it then reports once more is known."""
        self._ended = True

    def close(self) -> None:
        """Told by pooch at the very end."""

    def _run(self, url: str, target: Path) -> None:
        import pooch

        try:
            downloader = pooch.HTTPDownloader(
                progressbar=self,
                chunk_size=CHUNK_BYTES,
                timeout=STALL_S,
                headers={"Accept-Encoding": "identity"},
            )
            downloader(url, str(target), None)
        except Exception as error:  # noqa: BLE001 - handed to the waiting thread, whatever it is
            self._error = error


class _TooLong(Exception):  # noqa: N818 - ends a download, never leaves this module
    """More has come than the file can hold."""


def _reason(error: Exception) -> str:
    if isinstance(error, _TooLong):
        return "it sent more than the file can hold"
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"HTTP status {status}" if status else f"cannot be reached ({type(error).__name__})"
