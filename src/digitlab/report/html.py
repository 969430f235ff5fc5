"""report.html: one file that needs nothing else."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from digitlab.report.contents import Contents
from digitlab.report.curves import read_curves

_environment = Environment(
    loader=PackageLoader("digitlab.report", "."),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_html(contents: Contents, figures: dict[str, str]) -> str:
    """The page, from a run's contents and the SVG text of its figures by name.

    Everything that comes from the run is escaped; only our own drawings go in as they are.
    """
    record = contents.record
    return _environment.get_template("template.html.j2").render(
        record=record,
        dataset=record["dataset"],
        config=record["config"],
        history=contents.history,
        evaluations=contents.evaluations,
        figures={name: _inline(svg) for name, svg in figures.items()},
        curves_read=read_curves(contents.history, record.get("best_epoch")) if contents.history else "",
        headline=_headline(contents),
        # Without the drawing of the report itself, so that the same run gives the same page again.
        seconds=sum(s.get("duration_s", 0.0) for name, s in record["stages"].items() if name != "report"),
        percent=_percent,
    )


def _headline(contents: Contents) -> dict[str, Any] | None:
    for name in ("test", "validation"):
        if evaluation := contents.evaluations.get(name):
            return {
                "split": name,
                "evaluation": evaluation,
                "errors": round(evaluation.n * (1 - evaluation.accuracy)),
            }
    return None


def _percent(value: float, digits: int = 2) -> str:
    return f"{100 * value:.{digits}f} %"


def _inline(svg: str) -> Markup:
    """An SVG document as an element of the page: without prologue, as wide as there is room."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    return Markup(element)  # noqa: S704 - drawn by ourselves; text in it is paths
