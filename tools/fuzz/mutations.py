"""Mutations: how a sound input becomes one that nobody meant."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

MOST_EDITS = 8
LONGEST_CHUNK = 64
# Numbers at the edges of the usual types, and around sizes that formats declare.
EDGES = (0, 1, 2, 27, 28, 127, 128, 255, 256, 783, 784, 32767, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
# Values that a field of a JSON or TOML file should hardly ever have.
WRONG_VALUES: tuple[Any, ...] = (
    None, True, False, "", "x", "\ud800", "\x1b[31m", "../..", "javascript:alert(1)", "=1+1", "a" * 5000,
    -1, 0, 1, 2, 10**9, 2**63, -(2**63), 10**4000, 0.5, -0.5, 1e308, -1e308, 1e-320, float("nan"), float("inf"),
    [], {}, [[]], [None], [0], {"a": 1}, [0] * 1000, ["a", "b"], {"": None},
)  # fmt: skip
TOKENS = (
    b'"', b"'", b",", b";", b"\n", b"\r", b"\x00", b"\t", b"=", b"-", b"+", b".", b"e", b"nan", b"inf", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\xed\xa0\x80", b"9" * 5000, b"0x10", b"1_0", b"[", b"]", b"{", b"}", b"[" * 1000, b"#", b"\\",
)  # fmt: skip


def mutate_bytes(content: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """One to `MOST_EDITS` edits of a byte string.

    Args:
        content: The sound input.
        rng: Decides everything.
        other: Another sound input of the kind, from which parts are spliced in.
    """
    data = bytearray(content)
    for _ in range(rng.randint(1, MOST_EDITS)):
        rng.choice(_EDITS)(data, rng, other)
    return bytes(data)


def mutate_text(content: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """Edits of a text format: tokens of such formats and changed numbers, besides edits of bytes."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(data))
        if rng.random() < 0.7:
            data[at : at + rng.choice((0, 0, 1, 4))] = rng.choice(TOKENS)
        else:
            rng.choice(_EDITS)(data, rng, other)
    return bytes(data)


def mutate_json(content: bytes, rng: random.Random) -> bytes:
    """One or two values of a JSON document replaced, removed or repeated, at any depth."""
    value = json.loads(content)
    for _ in range(rng.randint(1, 2)):
        value = _mutate_value(value, rng)
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def _mutate_value(value: Any, rng: random.Random) -> Any:
    inner = _keys(value)
    if not inner or rng.random() < 0.15:
        return rng.choice(WRONG_VALUES)
    key = rng.choice(inner)
    action = rng.random()
    if action < 0.1:
        del value[key]
    elif action < 0.15 and isinstance(value, list):
        value.insert(key, value[key])
    elif action < 0.2 and isinstance(value, dict):
        value[key + rng.choice(("x", " ", "\ud800"))] = value.pop(key)
    else:
        value[key] = _mutate_value(value[key], rng)
    return value


def _keys(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value)
    return list(range(len(value))) if isinstance(value, list) else []


def _flip(data: bytearray, rng: random.Random, other: bytes) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(data: bytearray, rng: random.Random, other: bytes) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _number(data: bytearray, rng: random.Random, other: bytes) -> None:
    """An edge of a 16 or 32 bit number, in either order of bytes."""
    size, kind = rng.choice(((2, "H"), (4, "I")))
    if len(data) >= size:
        at = rng.randrange(len(data) - size + 1)
        value = rng.choice(EDGES) % 256**size
        data[at : at + size] = struct.pack(rng.choice("<>") + kind, value)


def _remove(data: bytearray, rng: random.Random, other: bytes) -> None:
    at = rng.randint(0, len(data))
    del data[at : at + rng.randint(1, LONGEST_CHUNK)]


def _insert(data: bytearray, rng: random.Random, other: bytes) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = rng.randbytes(rng.randint(1, LONGEST_CHUNK))


def _repeat(data: bytearray, rng: random.Random, other: bytes) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = data[at : at + rng.randint(1, LONGEST_CHUNK)] * rng.choice((1, 2, 30))


def _cut(data: bytearray, rng: random.Random, other: bytes) -> None:
    if rng.random() < 0.3:
        del data[rng.randint(0, len(data)) :]


def _splice(data: bytearray, rng: random.Random, other: bytes) -> None:
    if other:
        start, at = rng.randrange(len(other)), rng.randint(0, len(data))
        part = other[start : start + rng.randint(1, 4 * LONGEST_CHUNK)]
        data[at : at + len(part)] = part


_EDITS = (_flip, _flip, _set, _number, _number, _remove, _insert, _repeat, _cut, _splice)
