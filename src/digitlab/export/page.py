"""`export_page`: a trained network as one HTML file that reads drawings by itself."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.classifier.load import READABLE_FILE, SHIPPED, shipped_file
from digitlab.errors import ModelError, UsageError
from digitlab.export.chain import Chain, Dense, Scale, Step
from digitlab.export.onnx_file import SUFFIX as ONNX_SUFFIX
from digitlab.export.onnx_file import export_onnx
from digitlab.export.read_onnx import read_onnx
from digitlab.runs import write_text
from digitlab.runs.version import VERSION

SUFFIX = ".html"
# One file to send by mail or to put on a stick.
MOST_BYTES = 2_000_000
# Modules in the order of their imports, by the names that they import one another by: the page's, and its worker's.
PAGE = {"./reader.js": "standalone_reader.js", "./page.js": "page.js"}
WORKER = {"./engine.js": "engine.js", "./worker.js": "worker.js"}
# Scripts and styles are those of the page, by their hashes; pictures and the worker are what the page itself makes.
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data: blob:; worker-src blob:; "
    "base-uri 'none'; form-action 'none'"
)
_IMPORT = re.compile(r'^import \* as (\w+) from "([^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const)\b)", re.MULTILINE)
_EXPORTED = re.compile(r"^export (?:async )?(?:function (\w+)|const (.+);$)", re.MULTILINE)


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
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"{path}: expected a file name that ends in {SUFFIX}", hint=f"name it {path.stem}{SUFFIX}")
    for half in (False, True):
        content = _page(_onnx(run, half=half), _name(run), half=half)
        if len(content.encode()) <= MOST_BYTES:
            write_text(path, content)
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
        return _file_bytes(Path(run))
    with tempfile.TemporaryDirectory() as folder:
        return export_onnx(run, Path(folder) / "model.onnx", half=half).read_bytes()


def _file_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"cannot read {path}: {error.strerror or error}", hint="check the path and its rights"
        ) from error


def _name(run: Any) -> str:
    """What the page calls the network: by the folder or file that it comes from."""
    if run is None:
        return SHIPPED
    place = run if isinstance(run, (str, os.PathLike)) else getattr(run, "path", None)
    return "a network of digitlab" if place is None else Path(place).resolve().name


def _page(content: bytes, name: str, *, half: bool) -> str:
    members, class_names = read_onnx(content, name)
    weights = _Weights(half=half)
    told = {
        "name": f"{name}, in this page itself, its weights as {'float16' if half else 'float32'} (digitlab {VERSION})",
        "class_names": class_names,
        "classifier": weights.add(members),
        # It is shipped as float16: nothing is lost here.
        "readable": weights.add(read_onnx(shipped_file(READABLE_FILE).read_bytes(), READABLE_FILE)[0], half=True),
    }
    # Written so that no name can end the element it is in.
    return _inlined(json.dumps(told).replace("<", "\\u003c"), weights.base64())


class _Weights:
    """The numbers of all networks one after another, and where each array lies among them."""

    def __init__(self, *, half: bool) -> None:
        self._half = half
        self._parts: list[bytes] = []
        self._at = 0

    def add(self, members: Sequence[Chain], *, half: bool | None = None) -> list[list[dict[str, Any]]]:
        """The members' steps, as the page takes them."""
        half = self._half if half is None else half
        return [[self._step(step, half) for step in chain.steps] for chain in members]

    def base64(self) -> str:
        return base64.b64encode(b"".join(self._parts)).decode("ascii")

    def _step(self, step: Step, half: bool) -> dict[str, Any]:
        # As in the ONNX files: biases and scales are few, and stay as exact as they are.
        if isinstance(step, Dense):
            weights = self._array(step.weights, "float16" if half else "float32")
            return {"operator": "Dense", "weights": weights, "bias": self._array(step.bias)}
        if isinstance(step, Scale):
            return {"operator": "Scale", "factor": self._array(step.factor), "offset": self._array(step.offset)}
        return {"operator": step.operator}

    def _array(self, values: npt.NDArray[np.float64], kind: str = "float32") -> dict[str, Any]:
        part = values.astype(np.dtype(kind).newbyteorder("<")).tobytes()
        place = {"format": kind, "at": self._at, "count": values.size}
        self._parts.append(part)
        self._at += len(part)
        return place


def _inlined(told: str, weights: str) -> str:
    """The page's files as one, that may load nothing."""
    script, style = _bundle(PAGE), _page_file("page.css")
    policy = POLICY.format(script=_hash(script), style=_hash(style))
    icon = base64.b64encode(_page_file("icon.svg").encode()).decode("ascii")
    data = (
        f'<script type="application/json" id="network">{told}</script>\n'
        f'<script type="text/plain" id="weights">{weights}</script>\n'
        f'<script type="text/plain" id="worker">{_bundle(WORKER)}</script>\n'
        f'<script type="module">{script}</script>\n</body>'
    )
    page = _page_file("index.html")
    for old, new in {
        '<meta charset="utf-8">': '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy, quote=True)}">',
        'href="icon.svg"': f'href="data:image/svg+xml;base64,{icon}"',
        '<link rel="stylesheet" href="page.css">': f"<style>{style}</style>",
        '<script type="module" src="page.js"></script>\n': "",
        "What is drawn goes nowhere but to this reader, which keeps none of it.": "What is drawn does not leave this "
        "page, which asks no server and keeps none of it.",
        "</body>": data,
    }.items():
        page = _replaced(page, old, new)
    return page


def _replaced(page: str, old: str, new: str) -> str:
    if page.count(old) != 1:
        raise ModelError(
            f"this copy of digitlab has another page in it: expected {old} in it once, got it {page.count(old)} times",
            hint="install it again",
        )
    return page.replace(old, new)


def _bundle(files: dict[str, str]) -> str:
    """The modules as one script, each in a scope of its own, since a page without a server can import none."""
    parts = ['"use strict";', "const modules = {};"]
    for name, file in files.items():
        source = _page_file(file)
        exported = [one for match in _EXPORTED.finditer(source) for one in _names(*match.groups())]
        source = _EXPORT.sub("", _IMPORT.sub(r'const \1 = modules["\2"];', source))
        parts.append(f'modules["{name}"] = (() => {{\n{source}\nreturn {{ {", ".join(exported)} }};\n}})();')
    # Nor may the script hold what would end it.
    return "\n".join(parts).replace("</", "<\\/")


def _names(function: str | None, constants: str | None) -> list[str]:
    """Of an exported function, or of constants: ``A = 1, B = 2``."""
    return [function] if function else re.findall(r"(\w+) = ", (constants or "").split("=>")[0])


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _page_file(name: str) -> str:
    return resources.files("digitlab").joinpath("page", name).read_text(encoding="utf-8")
