"""Messages between the server and a worker, over a socket: a JSON object and a body of bytes.

No pickle: a worker decodes a stranger's file, and what it sends must not be able to run code in the server.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

SIZES = struct.Struct("!IQ")
LONGEST_HEADER = 2**20


class Deadline:
    """A moment by which an exchange must have ended.

    Args:
        seconds: From now on; None for no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def arm(self, channel: socket.socket) -> None:
        """Let the next operation on the socket take no longer than what is left.

        Raises:
            TimeoutError: Nothing is left.
        """
        if self._end is None:
            channel.settimeout(None)
            return
        if (left := self._end - time.monotonic()) <= 0:
            raise TimeoutError
        channel.settimeout(left)


def send_message(
    channel: socket.socket, header: dict[str, Any], body: bytes | bytearray, deadline: Deadline | None = None
) -> None:
    """Send a message.

    Raises:
        OSError: The other end is gone, or the deadline has passed (`TimeoutError`).
    """
    encoded = json.dumps(header).encode("ascii")
    (deadline or Deadline(None)).arm(channel)
    channel.sendall(SIZES.pack(len(encoded), len(body)) + encoded)
    channel.sendall(body)


def receive_message(
    channel: socket.socket, most_bytes: int | None = None, deadline: Deadline | None = None
) -> tuple[dict[str, Any], bytearray]:
    """Receive a message.

    Args:
        channel: The socket.
        most_bytes: Largest body. Defaults to None, for no limit.
        deadline: Of the whole message. Defaults to None, for no limit.

    Raises:
        EOFError: The other end is gone.
        OSError: The same, or the deadline has passed (`TimeoutError`).
        ValueError: The message is larger than is allowed, or its header is no JSON object.
    """
    deadline = deadline or Deadline(None)
    header_size, body_size = SIZES.unpack(_receive(channel, SIZES.size, deadline))
    if header_size > LONGEST_HEADER or (most_bytes is not None and body_size > most_bytes):
        msg = f"a message of {header_size:,} + {body_size:,} bytes"
        raise ValueError(msg)
    header = json.loads(_receive(channel, header_size, deadline))
    if not isinstance(header, dict):
        msg = "a header that is no object"
        raise ValueError(msg)
    return header, _receive(channel, body_size, deadline)


def _receive(channel: socket.socket, size: int, deadline: Deadline) -> bytearray:
    content = bytearray(size)
    view = memoryview(content)
    while view:
        deadline.arm(channel)
        count = channel.recv_into(view)
        if count == 0:
            raise EOFError
        view = view[count:]
    return content
