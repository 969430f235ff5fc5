"""`page_with`: the files of the page as one HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import posixpath
import re
from importlib import resources

from digitlab.errors import ModelError

PAGE, WORKER = "page.js", "engine/worker.js"
# The page's reader is another one where it is alone.
ALONE = {"reader.js": "standalone_reader.js"}
# Scripts and styles are those of the page, by their hashes; pictures and the worker are what the page itself makes.
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data: blob:; worker-src blob:; "
    "base-uri 'none'; form-action 'none'"
)
_IMPORT = re.compile(r'^import (?:\* as (?P<all>\w+)|(?P<some>\{.+\})) from "(?P<file>[^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?P<kind>(?:async )?function|const) (?P<name>\w+)", re.MULTILINE)


def page_with(told: str, weights: str) -> str:
    """The page to draw on, alone.

    Args:
        told: JSON about the networks.
        weights: Their numbers, as base64.

    Raises:
        ModelError: The files inside the package are not those that this was written for.
    """
    script, style = _script(PAGE), _file("page.css")
    policy = POLICY.format(script=_hash(script), style=_hash(style))
    icon = base64.b64encode(_file("icon.svg").encode()).decode("ascii")
    # Written so that no name can end the element it is in.
    told = told.replace("<", "\\u003c")
    data = (
        f'<script type="application/json" id="network">{told}</script>\n'
        f'<script type="text/plain" id="weights">{weights}</script>\n'
        f'<script type="text/plain" id="worker">{_script(WORKER)}</script>\n'
        f'<script type="module">{script}</script>\n</body>'
    )
    page = _file("index.html")
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


def _script(entry: str) -> str:
    """A module and all that it imports as one script: a page without a server can import none."""
    modules: dict[str, str] = {}
    _add_module(entry, modules)
    # Nor may the script hold what would end the element it is in.
    return "\n".join(['"use strict";', "const modules = {};", *modules.values()]).replace("</", "<\\/")


def _add_module(path: str, modules: dict[str, str]) -> None:
    """A module as a function of its own scope, behind those that it imports."""
    if path in modules:
        return
    source = _file(ALONE.get(path, path))
    for match in _IMPORT.finditer(source):
        _add_module(_beside(path, match["file"]), modules)
    exported = ", ".join(match["name"] for match in _EXPORT.finditer(source))

    def taken(match: re.Match[str]) -> str:
        return f'const {match["all"] or match["some"]} = modules["{_beside(path, match["file"])}"];'

    source = _EXPORT.sub(r"\g<kind> \g<name>", _IMPORT.sub(taken, source))
    modules[path] = f'modules["{path}"] = (() => {{\n{source}\nreturn {{ {exported} }};\n}})();'


def _beside(path: str, other: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), other))


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _file(name: str) -> str:
    return resources.files("digitlab").joinpath("page", *name.split("/")).read_text(encoding="utf-8")
