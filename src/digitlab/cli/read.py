"""``digitlab read``."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from digitlab.cli.console import print_json, stderr, stdout
from digitlab.cli.engine import LOCAL, Address, Overwrite, PartsBar, make_engine
from digitlab.cli.paths import checked
from digitlab.errors import DigitlabError, UsageError

if TYPE_CHECKING:
    from digitlab.bulk.job import Engine
    from digitlab.classifier import Classifier
    from digitlab.reading import Line

STANDARD_INPUT = "-"
FAILED = 1
PIPE_WIDTH = 10_000


def read(
    pictures: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="Pictures, folders of pictures, or - for standard input.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            callback=checked, help="Run folder or .onnx file that names the digits. Default: the shipped network."
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option(help="The least probability of being a digit that is believed; below it: ?.")
    ] = 0.5,
    annotate: Annotated[
        Path | None,
        typer.Option(callback=checked, help="Draw boxes and labels: a file for one picture, a folder for several."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="For many: a folder or URI for Parquet. The same command goes on with it.")
    ] = None,
    engine: Annotated[str, typer.Option(help="With --out: local or ray, this process or a cluster.")] = LOCAL,
    address: Address = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Read the digits and numbers on pictures."""
    if not 0 <= threshold <= 1:
        raise UsageError(f"--threshold: expected a number from 0 to 1, got {threshold:g}", hint="leave it out for 0.5")
    chosen = make_engine(engine, address)
    if out is not None:
        _refuse_beside_out(pictures, annotate)
        _read_into(out, pictures, model, threshold, chosen, overwrite=overwrite, as_json=as_json)
        return
    if engine != LOCAL or overwrite:
        raise UsageError("--engine ray and --overwrite: expected --out beside them, got none", hint="--out FOLDER")
    from digitlab.classifier import load_classifier

    sources = list(_sources(pictures))
    targets = _targets(annotate, sources)
    classifier = load_classifier(model)
    told = [_read(source, classifier, threshold, target) for source, target in zip(sources, targets, strict=True)]
    if as_json:
        print_json({"images": told})
    else:
        _show(told)
    if any(image["error"] for image in told):
        raise typer.Exit(FAILED)


def _refuse_beside_out(pictures: list[str], annotate: Path | None) -> None:
    if annotate is not None or STANDARD_INPUT in pictures:
        came = "--annotate" if annotate is not None else "standard input"
        raise UsageError(f"--out: expected files and no {came} beside it", hint="leave one of them out")


def _read_into(
    out: str,
    pictures: list[str],
    model: Path | None,
    threshold: float,
    engine: Engine,
    *,
    overwrite: bool,
    as_json: bool,
) -> None:
    from digitlab.bulk import read_files

    with PartsBar("pictures") as bar:
        outcome = read_files(
            cast("list[str | Path]", pictures),
            out,
            model=model,
            threshold=threshold,
            engine=engine,
            overwrite=overwrite,
            progress=bar,
        )
        bar.end(outcome)
    if as_json:
        print_json(dataclasses.asdict(outcome))


def _sources(given: list[str]) -> Iterator[str]:
    """The files that are meant, those of folders in order."""
    from digitlab.imaging.formats import SUFFIXES

    for name in given:
        path = Path(name)
        # os.path, unlike pathlib, takes a path that cannot be for one that is not there; its reader says why.
        if name == STANDARD_INPUT or not os.path.isdir(path):  # noqa: PTH112
            yield name
            continue
        try:
            inside = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in SUFFIXES)
        except OSError as error:
            raise UsageError(
                f"{path}: expected a folder of pictures, got: {error.strerror}", hint="check the path and its rights"
            ) from error
        if not inside:
            raise UsageError(f"{path}: expected pictures in it, found none", hint=f"known are {', '.join(SUFFIXES)}")
        yield from map(str, inside)


def _standard_input() -> bytes:
    """All of it, or one byte more than a picture may have."""
    from digitlab.imaging.decode import MOST_BYTES

    return sys.stdin.buffer.read(MOST_BYTES + 1)


def _targets(annotate: Path | None, sources: list[str]) -> list[Path | None]:
    """Where each annotated picture goes: none, one file, or files of their own in a folder."""
    if annotate is None:
        return [None] * len(sources)
    if annotate.suffix and not annotate.is_dir():
        if len(sources) > 1:
            raise UsageError(
                f"--annotate: expected a folder for {len(sources)} pictures, got {annotate}", hint="name a folder"
            )
        return [annotate]
    stems = ["standard-input" if source == STANDARD_INPUT else Path(source).stem for source in sources]
    seen: Counter[str] = Counter()
    targets: list[Path | None] = []
    for stem in stems:
        seen[stem] += 1
        targets.append(annotate / (f"{stem}.png" if seen[stem] == 1 else f"{stem}-{seen[stem]}.png"))
    return targets


def _read(source: str, classifier: Classifier, threshold: float, target: Path | None) -> dict[str, Any]:
    """What ``--json`` says of one picture; an error is told and the others are read all the same."""
    from digitlab.reading import annotate, read_number

    picture: Any = _standard_input() if source == STANDARD_INPUT else source
    try:
        lines = read_number(picture, classifier, threshold=threshold)
        if target is not None:
            annotate(picture, lines, target)
    except DigitlabError as error:
        stderr.print(f"error: {error}", markup=False)
        return {"file": source, "text": "", "lines": [], "error": error.message}
    return {
        "file": source,
        "text": "\n".join(line.text for line in lines),
        "lines": [_line(line) for line in lines],
        "error": None,
    }


def _line(line: Line) -> dict[str, Any]:
    digits = [
        {
            "label": digit.label,
            "probability": round(digit.probability, 6),
            "readable": digit.readable,
            "box": list(digit.box),
        }
        for digit in line.digits
    ]
    return {"text": line.text, "digits": digits}


def _show(told: list[dict[str, Any]]) -> None:
    """A table for people: a row a line of digits."""
    from rich.markup import escape
    from rich.table import Column, Table

    table = Table(Column("picture", overflow="fold"), "text", "least sure", box=None, header_style="dim")
    for image in told:
        name = escape(image["file"])
        if image["error"]:
            table.add_row(name, "[red]not read[/red]", "")
        elif not image["lines"]:
            table.add_row(name, "[dim]no digits[/dim]", "")
        for line in image["lines"]:
            least = min(line["digits"], key=lambda digit: digit["probability"])
            table.add_row(
                name,
                f"[bold]{escape(line['text'])}[/bold]",
                f"{escape(least['label'])} ({100 * least['probability']:.0f} %)",
            )
            name = ""
    # What goes into a file or a pipe is never broken into lines.
    stdout.print(table, width=None if stdout.is_terminal else PIPE_WIDTH)
