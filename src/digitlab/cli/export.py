"""``digitlab export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digitlab.cli.console import stdout
from digitlab.cli.paths import checked
from digitlab.errors import UsageError

ONNX, HTML = "onnx", "html"


def export(
    target: Annotated[
        Path | None,
        typer.Argument(
            callback=checked,
            metavar="RUN",
            help="A run folder or a .keras file; for html an .onnx file too, or nothing for the shipped network.",
        ),
    ] = None,
    file_format: Annotated[
        str, typer.Option("--format", help="onnx, or html: a page to draw on that reads without a server.")
    ] = ONNX,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=checked,
            help="File to write. Default: model.onnx or model.html in the run folder, or beside a file under its name.",
        ),
    ] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Keep the weights as float16: half the size. A page chooses by its size.")
    ] = False,
) -> None:
    """Write a trained network as an ONNX file, verified against Keras, or as one page that reads by itself."""
    if file_format not in (ONNX, HTML):
        raise UsageError(f"--format: expected {ONNX} or {HTML}, got {file_format!r}", hint="leave it out for onnx")
    if half and file_format == HTML:
        raise UsageError(
            "--half: expected it with --format onnx, got it with html",
            hint="leave it out; a page keeps float32 where that fits into 2 MB, else float16",
        )
    path = _page(target, out) if file_format == HTML else _onnx(target, out, half=half)
    stdout.print(str(path), markup=False, soft_wrap=True)


def _page(target: Path | None, out: Path | None) -> Path:
    if target is None:
        if out is None:
            raise UsageError(
                "expected --out with the shipped network, got neither it nor RUN",
                hint="name the file: digitlab export --format html --out digits.html",
            )
        from digitlab.export import export_page

        return export_page(None, out)
    from digitlab.study.models import export_run_as_page

    return export_run_as_page(target, out)


def _onnx(target: Path | None, out: Path | None, *, half: bool) -> Path:
    if target is None:
        raise UsageError(
            "expected RUN, a run folder or a .keras file, got none", hint="name one: digitlab export runs/wide"
        )
    from digitlab.study.models import export_run

    return export_run(target, out, half=half)
