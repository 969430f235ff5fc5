"""Networks as ONNX files, verified against Keras before they appear, and as pages that read by themselves."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digitlab.export.onnx_file import export_onnx
    from digitlab.export.page import export_page

# Each is loaded when it is first used: a page of an ONNX file needs no Keras, which takes seconds to import.
_HOMES = {"export_onnx": "digitlab.export.onnx_file", "export_page": "digitlab.export.page"}

__all__ = ["export_onnx", "export_page"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module 'digitlab.export' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_HOMES[name]), name)
