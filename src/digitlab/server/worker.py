"""What a worker process does: open the network once, then answer one request after another, until the server is gone.

A worker has no terminal, no log and no files to write. It imports neither FastAPI nor uvicorn.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import traceback
from typing import Any

from PIL import Image, ImageDraw

from digitlab.classifier import Classifier
from digitlab.errors import DigitlabError
from digitlab.server.answers import JSON, READ, Answer
from digitlab.server.batches import answer_batch
from digitlab.server.limits import (
    end_with_server,
    give_memory_back,
    give_way,
    leave_signals_to_server,
    limit_files,
    limit_memory,
    resident_bytes,
    set_alarm,
)
from digitlab.server.messages import receive_message, send_message
from digitlab.server.problems import BAD, BROKEN, TOO_LARGE, RequestError
from digitlab.server.uploads import answer_upload

# A worker that keeps more memory than this after an upload makes place for a fresh one.
KEPT_BYTES = 96 * 2**20
# The server ends a worker that is over its time; a worker ends itself this much later.
ALARM_AFTER = 2.0


def run_worker(channel: int, life: int) -> None:
    """Answer requests until the server is gone. Called in a process that `WorkerProcess` has started.

    The first message holds the settings and the network, which this answers with ``{"ready": true}`` or
    ``{"failed": text}``. Every other is a request: ``{"route", "content_type", "as_bytes"}`` and the body. An answer
    with ``"leaving": true`` is this worker's last.

    Args:
        channel: The descriptor of this end of the socket.
        life: The descriptor of the read end of the pipe whose other end the server holds.
    """
    end_with_server(life)
    leave_signals_to_server()
    give_way()
    with socket.socket(fileno=channel) as server:
        try:
            settings, network = receive_message(server)
            try:
                worker = Worker(settings, bytes(network))
            except Exception as error:  # noqa: BLE001 - whatever it is, the server's log is to have it
                send_message(server, {"failed": _last_line(error)}, b"")
                return
            send_message(server, {"ready": True}, b"")
            while worker.healthy:
                send_message(server, *worker.answer(*receive_message(server)))
        except (EOFError, OSError):  # the server is gone
            return


class Worker:
    """One network, and requests to it.

    Args:
        settings: ``name``, ``most_images``, ``seconds`` and ``memory_bytes``.
        network: The bytes of the ONNX file.
    """

    def __init__(self, settings: dict[str, Any], network: bytes) -> None:
        self._settings = settings
        self.healthy = True
        self._classifier = Classifier(network, name=settings["name"])
        del network
        with contextlib.suppress(DigitlabError, RequestError):  # what a request gets, it gets with an explanation
            answer_upload(self._classifier, _drawing(), "image/png")  # what is loaded at first use is loaded now
        give_memory_back()
        self._idle_bytes = resident_bytes()
        limit_files()
        limit_memory(settings["memory_bytes"])

    def answer(self, request: dict[str, Any], body: bytearray) -> tuple[dict[str, Any], bytes]:
        """A message with the answer, or with the error."""
        set_alarm(self._settings["seconds"] + ALARM_AFTER)
        header, content = self._answer_or_error(request, body)
        del body
        self._tidy()
        set_alarm(0)
        return {**header, "leaving": not self.healthy}, content

    def _answer_or_error(self, request: dict[str, Any], body: bytearray) -> tuple[dict[str, Any], bytes]:
        try:
            answer = self._answer(request, body)
            return {"media_type": answer.media_type, "counts": answer.counts}, answer.body
        except RequestError as problem:
            return {"status": problem.status, "message": problem.message, "hint": problem.hint}, b""
        except MemoryError:
            self.healthy = False
            return self._too_much_memory(), b""
        except DigitlabError as error:
            return {"status": BROKEN, "message": error.message, "hint": error.hint, "detail": error.message}, b""
        except Exception as error:  # noqa: BLE001 - the server logs it and answers
            return {**_unexpected(request["route"], error), "detail": traceback.format_exc()}, b""

    def _answer(self, request: dict[str, Any], body: bytearray) -> Answer:
        if request["route"] == READ:
            return answer_upload(self._classifier, body, request["content_type"])
        return answer_batch(self._classifier, self._settings["most_images"], body, JSON, as_bytes=request["as_bytes"])

    def _tidy(self) -> None:
        """Give back the memory that the last request took, or be replaced where that is not possible."""
        if self._idle_bytes is None or not self._keeps_much():
            return
        give_memory_back()
        if self._keeps_much():
            self.healthy = False

    def _keeps_much(self) -> bool:
        return (resident_bytes() or 0) > (self._idle_bytes or 0) + KEPT_BYTES

    def _too_much_memory(self) -> dict[str, Any]:
        most = self._settings["memory_bytes"] // 2**20
        return {
            "status": TOO_LARGE,
            "message": f"expected an upload that takes at most {most:,} MiB of memory, got one that takes more",
            "hint": "send fewer images, or a smaller picture",
        }


def _unexpected(route: str, error: Exception) -> dict[str, Any]:
    """An error that nobody foresaw. In a picture it is the picture's fault: decoders raise whatever they like."""
    kind = type(error).__name__
    if route == READ:
        message = f"expected a picture that can be read, got one that ends in {kind}"
        return {"status": BAD, "message": message, "hint": "save it again as PNG or JPEG"}
    return {"status": BROKEN, "message": f"unexpected {kind}", "hint": "the log of the server has it"}


def _drawing() -> bytes:
    """A small picture with a digit on it."""
    picture = Image.new("L", (96, 96), 255)
    ImageDraw.Draw(picture).line([(50, 12), (46, 84)], fill=0, width=8)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _last_line(error: Exception) -> str:
    if isinstance(error, DigitlabError):
        return error.message
    return "".join(traceback.format_exception_only(error)).strip()


def main(channel: int, life: int) -> None:
    """`run_worker`, without the clean-up of the interpreter, which may wait for a library's threads."""
    run_worker(channel, life)
    os._exit(0)
