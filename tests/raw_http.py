"""Requests as bytes on sockets, where a client library would be too well-behaved."""

import re
import socket


def connect(address, timeout=30):
    """A connection to ``http://host:port``."""
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=timeout)


def request(path, body=b"", kind="application/octet-stream", *, close=False):
    """The bytes of a POST."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return (head + ("Connection: close\r\n" if close else "") + "\r\n").encode() + body


def exchange(address, content, timeout=20):
    """All that comes back until the server closes the connection or is silent for too long."""
    answer = b""
    with connect(address, timeout) as line:
        line.sendall(content)
        while part := line.recv(1 << 16):
            answer += part
    return answer


def receive_answer(line):
    """Head and body of one whole answer; None where the connection ends before it does."""
    content = b""
    while b"\r\n\r\n" not in content:
        if not (part := line.recv(1 << 16)):
            return None
        content += part
    head, _, body = content.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
    while len(body) < length:
        if not (part := line.recv(1 << 16)):
            return None
        body += part
    return head.lower(), body
