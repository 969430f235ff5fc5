"""The page to draw on, from files inside the package."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

# Nothing from elsewhere, nothing inline but pictures that were made here.
POLICY = "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
# A report has its styles and pictures in itself.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
HTML = "text/html; charset=utf-8"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
FILES = {
    "/": ("index.html", HTML),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/reader.js": ("server_reader.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def page_routes(report: Path | None) -> APIRouter:
    """A route for each file, and one for a run's report, where there is one."""
    router = APIRouter(include_in_schema=False)
    for path, (name, kind) in FILES.items():
        router.add_api_route(path, _sender(page_file(name), kind), methods=["GET"])
    if report is not None:
        router.add_api_route("/report", _sender(report.read_bytes(), HTML, REPORT_POLICY), methods=["GET"])
    return router


def page_file(name: str) -> bytes:
    """A file of the page."""
    return resources.files("digitlab").joinpath("page", name).read_bytes()


def _sender(content: bytes, kind: str, policy: str = POLICY) -> Callable[[], Awaitable[Response]]:
    headers = {**HEADERS, "Content-Security-Policy": policy}

    async def send() -> Response:
        return Response(content, media_type=kind, headers=headers)

    return send
