"""The fields of a protobuf message, read one after another from its bytes.

The encoding is described at https://protobuf.dev/programming-guides/encoding/. Whatever other readers could take in
another way than this one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
LONGEST_VARINT = 10
LARGEST_TAG = 2**32 - 1  # readers drop the bits above, and so see another field than we would


# Of a field: its number in the message's definition; how its value is encoded, `VARINT`, `FIXED64`, `LENGTH` or
# `FIXED32`; of a varint its value, of a field with a length that length, otherwise 0; and where in the file it ends. A
# field with a length begins that many bytes before. A plain tuple, since half a million of them may have to be made.
Field = tuple[int, int, int, int]


def read_fields(content: bytes, at: int, end: int) -> Iterator[Field]:
    """The fields of the message that lies in `content` from byte `at` to before byte `end`.

    Raises:
        ValueError: There is something else, or it is damaged.
    """
    while at < end:
        tag = content[at]
        if tag < 0x80:
            at += 1
        else:
            tag, at = _varint(content, at, end)
        number, kind, value, start = tag >> 3, tag & 7, 0, at
        if kind in (VARINT, LENGTH):
            value, at = _varint(content, at, end)
            if kind == LENGTH:
                at += value
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise damaged(start)
        if number == 0 or tag > LARGEST_TAG or at > end:
            raise damaged(start)
        yield number, kind, value, at


def packed_varints(content: bytes, at: int, end: int) -> list[int]:
    """The whole numbers, 0 or more, of a packed field.

    Raises:
        ValueError: They are damaged.
    """
    values = []
    while at < end:
        value, at = _varint(content, at, end)
        values.append(value)
    return values


def damaged(at: int) -> ValueError:
    """The error about what stands at a byte."""
    return ValueError(f"something else, or damaged, at byte {at:,}")


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    if at < end and (value := content[at]) < 0x80:
        return value, at + 1
    value = 0
    for index in range(LONGEST_VARINT):
        if at + index >= end:
            break
        byte = content[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise damaged(at)
