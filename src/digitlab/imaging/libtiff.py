"""`silence_libtiff`: no messages of libtiff on standard error."""

from __future__ import annotations

from functools import cache
from importlib import import_module


@cache
def silence_libtiff() -> None:
    """Remove libtiff's handlers of errors and warnings, which write to file descriptor 2.

    Pillow raises an error of its own for each of these errors, and has no setting for them. Where libtiff's functions
    cannot be reached, as on Windows, its messages stay.
    """
    import ctypes

    try:
        library = ctypes.CDLL(import_module("PIL._imaging").__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            handler = getattr(library, name)
            handler.argtypes, handler.restype = (ctypes.c_void_p,), ctypes.c_void_p
            handler(None)
    except (AttributeError, OSError):
        return
