"""``digitlab export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digitlab.cli.console import stdout
from digitlab.errors import UsageError


def export(
    target: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or a .keras file.")],
    file_format: Annotated[str, typer.Option("--format", help="onnx, the only one so far.")] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(help="File to write. Default: model.onnx in the run folder, or NAME.onnx beside NAME.keras."),
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Keep the weights as float16: half the size.")] = False,
) -> None:
    """Write a trained network as an ONNX file, verified against Keras."""
    if file_format != "onnx":
        raise UsageError(f"--format: expected onnx, got {file_format!r}", hint="leave it out for onnx")
    from digitlab.study.models import export_run

    stdout.print(str(export_run(target, out, half=half)), markup=False, soft_wrap=True)
