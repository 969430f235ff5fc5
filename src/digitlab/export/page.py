"""`export_page`: a trained network as one HTML file that reads drawings by itself."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from digitlab.classifier.load import READABLE_FILE, SHIPPED, read_network, shipped_file
from digitlab.errors import ModelError, UsageError
from digitlab.export.graph import SUFFIX as ONNX_SUFFIX
from digitlab.export.page_file import page_with
from digitlab.export.page_weights import PageWeights
from digitlab.export.read_onnx import read_onnx
from digitlab.runs import atomic_path
from digitlab.runs.commits import unfinished
from digitlab.runs.user_path import user_path
from digitlab.runs.version import VERSION
from digitlab.text import printable

SUFFIX = ".html"
# One file to send by mail or to put on a stick.
MOST_BYTES = 2_000_000


def export_page(run: Any, path: str | Path) -> Path:
    """Write one HTML file of at most 2,000,000 bytes on which digits are drawn, or put as a picture, and read.

    It asks no server and no network: the reading is a port of digitlab's to JavaScript, the weights lie in the page.
    They are float32 where they fit, else float16, which moves probabilities by up to a hundredth; the page says which.
    The network that tells whether something is a digit is the shipped one.

    Args:
        run: What `export_onnx` takes, committees too; an ONNX file that it wrote; or `None` for the shipped network.
        path: The file to write; its name ends in ``.html``.

    Returns:
        `path`.

    Raises:
        ModelError: There is no network, it cannot be exported (see `export_onnx`), or it is too large for one page.
        RunError: The run folder is incomplete, or the file cannot be written.
        UsageError: `path` does not end in ``.html``.

    Example:
        >>> digitlab.export_page(run, "digits.html")  # doctest: +SKIP
    """
    path = user_path(path)
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"{path}: expected a file name that ends in {SUFFIX}", hint=f"name it {path.stem}{SUFFIX}")
    for half in (False, True):
        content = _page(_onnx(run, half=half), _name(run), half=half)
        if len(content.encode()) <= MOST_BYTES:
            with atomic_path(path, clean_up=True) as temporary:
                temporary.write_bytes(content.encode())
            return path
    raise ModelError(
        f"expected a network whose page is at most {MOST_BYTES:,} bytes, got {len(content.encode()):,} with float16",
        hint="export one with narrower layers or fewer members, or serve it: digitlab serve",
    )


def _onnx(run: Any, *, half: bool) -> bytes:
    """The bytes of the network's ONNX file, verified against Keras where it comes from there."""
    if run is None:
        return shipped_file().read_bytes()
    if isinstance(run, (str, os.PathLike)) and Path(run).suffix.lower() == ONNX_SUFFIX:
        return read_network(Path(run))[0]
    from digitlab.export.onnx_file import export_onnx

    with tempfile.TemporaryDirectory() as folder, unfinished(Path(folder)):
        return export_onnx(run, Path(folder) / "model.onnx", half=half).read_bytes()


def _name(run: Any) -> str:
    """What the page calls the network: by the folder or file that it comes from."""
    if run is None:
        return SHIPPED
    place = run if isinstance(run, (str, os.PathLike)) else getattr(run, "path", None)
    return "a network of digitlab" if place is None else printable(Path(place).resolve().name)


def _page(content: bytes, name: str, *, half: bool) -> str:
    members, class_names = read_onnx(content, name)
    weights = PageWeights(half=half)
    told = {
        "name": f"{name}, in this page itself, its weights as {'float16' if half else 'float32'} (digitlab {VERSION})",
        "class_names": class_names,
        "classifier": weights.add(members),
        # It is shipped as float16: nothing is lost here.
        "readable": weights.add(read_onnx(shipped_file(READABLE_FILE).read_bytes(), READABLE_FILE)[0], half=True),
    }
    return page_with(json.dumps(told), weights.base64())
