"""`Work`: how much of it reading one picture may be, counted before it is done."""

from __future__ import annotations

from digitlab.errors import PictureError

# Each bound is reached in about 2 s on one core; a page with 500 digits has some 500 segments.
# Pieces of ink, specks of dirt included, and pieces that are as high as digits.
MOST_PIECES, MOST_TALL = 50_000, 2_000
# Parts between two cuts, and stretches of them that are judged as one digit each.
MOST_PARTS, MOST_SEGMENTS = 3_000, 4_000
# Pixels of all pieces' boxes, and of all segments': 4 bytes each.
MOST_PIXELS = 24_000_000


class Work:
    """Counts what is found on one picture.

    Args:
        name: What the picture is called in an error.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._parts = 0
        self._segments = 0
        self._pixels = 0

    def add_pieces(self, count: int, pixels: int) -> None:
        """Count pieces of ink and the pixels of their boxes.

        Raises:
            PictureError: There are too many of either.
        """
        if count > MOST_PIECES:
            self._refuse(f"at most {MOST_PIECES:,} pieces of ink", count)
        self._add_pixels(pixels)

    def add_tall(self, count: int) -> None:
        """Count pieces as high as digits.

        Raises:
            PictureError: There are too many.
        """
        if count > MOST_TALL:
            self._refuse(f"at most {MOST_TALL:,} digits", count)

    def add_parts(self, count: int) -> None:
        """Count parts between two cuts.

        Raises:
            PictureError: There are too many.
        """
        self._parts += count
        if self._parts > MOST_PARTS:
            self._refuse(f"at most {MOST_PARTS:,} parts of digits", self._parts)

    def add_segment(self, pixels: int) -> None:
        """Count a segment and the pixels of its box.

        Raises:
            PictureError: There are too many of either.
        """
        self._segments += 1
        if self._segments > MOST_SEGMENTS:
            self._refuse(f"ink that can be cut into at most {MOST_SEGMENTS:,} digits", self._segments)
        self._add_pixels(pixels)

    def _add_pixels(self, pixels: int) -> None:
        self._pixels += pixels
        if self._pixels > MOST_PIXELS:
            raise self._error("ink in fewer or smaller pieces", "pieces that lie across one another all over it")

    def _refuse(self, expected: str, found: int) -> None:
        raise self._error(expected, f"{found:,} or more")

    def _error(self, expected: str, received: str) -> PictureError:
        return PictureError(
            f"{self._name}: expected a picture with {expected}, found {received}",
            hint="cut the picture into parts with fewer digits, or photograph it with less grain",
        )
