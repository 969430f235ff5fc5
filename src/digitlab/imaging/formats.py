"""The formats of picture files that digitlab reads. Every `Image.open` of the package is limited to them.

Pillow knows some forty formats more. One of them, EPS, is a program that Pillow hands to Ghostscript to run.
"""

from __future__ import annotations

# Pillow's name of each format, and the suffixes by which its files are found in a folder.
SUFFIXES_OF = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jfif", ".mpo"),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".pgm", ".ppm", ".pbm", ".pnm", ".pfm"),
}
FORMATS = tuple(SUFFIXES_OF)
SUFFIXES = tuple(suffix for suffixes in SUFFIXES_OF.values() for suffix in suffixes)
# The bytes that a file has to begin with to be of one of these formats.
HEAD_BYTES = 16
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II\x2a\x00", "TIFF"),
    (b"MM\x00\x2a", "TIFF"),
    (b"II\x2b\x00", "TIFF"),
    (b"MM\x00\x2b", "TIFF"),
    *((b"P" + kind, "PPM") for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"f")),
)
# What people send instead of a picture, so that the error can name it.
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "an EPS file"),
)
_HEIF_BRANDS = {b"heic": "a HEIC picture", b"heix": "a HEIC picture", b"mif1": "a HEIC picture", b"avif": "AVIF"}


def format_of(head: bytes) -> str | None:
    """Return Pillow's name of the format of a file with these first 16 bytes, or None if it is not read here."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)


def described(head: bytes) -> str:
    """Return what a file that `format_of` does not know seems to be, for an error message."""
    if not head:
        return "an empty file"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return _HEIF_BRANDS[head[8:12]]
    other = next((name for signature, name in _OTHERS if head.startswith(signature)), None)
    return other or "no format that Pillow knows and digitlab reads"
