"""Digits over HTTP: reading pictures, classifying arrays, and the page to draw on.

Worker processes import modules of this package without FastAPI, so the application is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitlab.server.app import create_app
    from digitlab.server.settings import Settings

_HOMES = {"Settings": "digitlab.server.settings", "create_app": "digitlab.server.app"}

__all__ = ["Settings", "create_app"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module 'digitlab.server' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_HOMES[name]), name)
