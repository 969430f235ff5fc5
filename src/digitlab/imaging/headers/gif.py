"""GIF: blocks and frames.

Specification: GIF89a (CompuServe 1990). Pillow counts frames by going through all of them, and goes through blocks of
up to 255 bytes in Python.
"""

from __future__ import annotations

from typing import BinaryIO

from digitlab.imaging.headers.header import MOST_COUNTED, Header, RefusedError

# Full blocks of 255 bytes: a file of 255 MB.
MOST_BLOCKS = 1_000_000
EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B


def read_header(file: BinaryIO, file_bytes: int) -> Header:
    """Go through the blocks, and count the frames."""
    content = file.read()
    walk = _Walk(content)
    try:
        frames = walk.frames()
    except IndexError:  # it ends within a block, of which the decoder knows more
        frames = walk.found
    return Header(frames=max(1, frames), memory=len(content))


class _Walk:
    """One way through a file's blocks.

    Args:
        content: The whole file.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._blocks = 0
        self.found = 0

    def frames(self) -> int:
        """Count the frames up to the end, or until enough are counted."""
        content = self._content
        position = 13 + _palette_bytes(content[10])
        while self.found <= MOST_COUNTED and content[position] != TRAILER:
            kind = content[position]
            if kind == EXTENSION:
                position = self._after_blocks(position + 2)
            elif kind == IMAGE:
                self.found += 1
                position = self._after_blocks(position + 11 + _palette_bytes(content[position + 9]))
            else:
                self._count()
                position += 1
        return self.found

    def _after_blocks(self, position: int) -> int:
        content = self._content
        while length := content[position]:
            position += length + 1
            self._count()
        return position + 1

    def _count(self) -> None:
        self._blocks += 1
        if self._blocks > MOST_BLOCKS:
            if self.found > 1:  # enough is known: it is no single picture
                raise IndexError
            raise RefusedError(f"a GIF of at most {MOST_BLOCKS:,} blocks", "more")


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 128 else 0
