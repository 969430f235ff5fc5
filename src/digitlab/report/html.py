"""report.html: one file that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from digitlab.data.split import IMAGE_SIDE
from digitlab.evaluation.document import why_not_compared
from digitlab.report.contents import Contents
from digitlab.report.curves import chosen_epoch, read_curves
from digitlab.report.document import beside_document, read_beside
from digitlab.report.finalists import ranking
from digitlab.report.headline import headline, is_unfinished, reached, verb
from digitlab.report.parallel import MOST_LINES
from digitlab.report.trials import best_networks, varying
from digitlab.report.words import counted, duration, percent, printable, spread, widths

BEST_TRIALS, FAILED_TRIALS = 10, 10


def _printable(value: object) -> object:
    """What a page is given to write: text of a run without characters that would hide or reorder what follows."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_environment = Environment(
    finalize=_printable,
    loader=PackageLoader("digitlab.report", "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals.update(
    percent=percent, widths=widths, spread=spread, duration=duration, counted=counted, pixels=IMAGE_SIDE**2
)


def render_html(contents: Contents, figures: dict[str, str]) -> str:
    """The page, from a run's contents and the SVG text of its figures by name.

    Everything that comes from the run is escaped; only our own drawings go in as they are.
    """
    record = contents.record
    return _environment.get_template("page.html.j2").render(
        record=record,
        dataset=record["dataset"],
        settings=list(_settings(record["config"])),
        figures={name: _inline(svg) for name, svg in figures.items()},
        verb=verb(contents),
        headline=headline(contents),
        unfinished=is_unfinished(contents),
        reached=reached(contents),
        layers=_layers(contents),
        members=_members(contents),
        scan=contents.scan,
        search=contents.search,
        recommended=contents.recommended if "test" in contents.evaluations else None,
        **_network(contents),
        **_trials(contents),
        **_document(contents),
    )


def _layers(contents: Contents) -> list[int] | None:
    """Widths of the hidden layers of the run's network; `None` while a search has not named it."""
    if contents.search:
        return list(contents.search.winner.hidden_units)
    if verb(contents) in ("tune", "study"):
        return None
    units = contents.record["config"].get("hidden_units")
    return units if isinstance(units, list) else None


def _network(contents: Contents) -> dict[str, Any]:
    return {
        "curves_read": _curves_read(contents),
        "evaluations": contents.evaluations,
        "scored": list(contents.evaluations.items())[-1] if contents.evaluations else None,
    }


def _curves_read(contents: Contents) -> str:
    if not contents.history:
        return ""
    return read_curves(contents.history, chosen_epoch(contents.record), _members(contents))


def _members(contents: Contents) -> int:
    return int(contents.record["config"].get("members", 1))


def _trials(contents: Contents) -> dict[str, Any]:
    failed = [trial for trial in contents.trials if trial.score is None]
    return {
        "trials": contents.trials,
        "drawn_trials": min(len(contents.trials), MOST_LINES),
        "best_trials": best_networks(contents.trials, BEST_TRIALS),
        "further": varying(contents.trials),
        "failed": failed[:FAILED_TRIALS],
        "more_failed": max(0, len(failed) - FAILED_TRIALS),
        "finalists": ranking(contents.search.finalists) if contents.search else [],
        "space": [(name, _text(values)) for name, values in contents.search.space.items()] if contents.search else [],
    }


def _document(contents: Contents) -> dict[str, Any]:
    document, search = contents.document, contents.search
    if document is None or search is None:
        return {"beside": [], "beside_read": "", "seed_count": 0, "not_compared": ""}
    if reason := why_not_compared(contents.record["dataset"]):
        return {"beside": [], "beside_read": "", "seed_count": 0, "not_compared": reason}
    return {
        "not_compared": "",
        "beside": beside_document(document, search, contents.evaluations, contents.seeds),
        "beside_read": read_beside(document, contents.evaluations, contents.seeds),
        "seed_count": len(search.winner.seeds),
    }


def _settings(config: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{within}{key}.")
        elif key == "hidden_units" and isinstance(value, list):
            yield within + key, widths(value)
        else:
            yield within + key, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _inline(svg: str) -> Markup:
    """An SVG document as an element of the page: without prologue, as wide as there is room."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    return Markup(element)  # noqa: S704 - drawn by ourselves; text in it is paths
