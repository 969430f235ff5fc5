"""``digitlab report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digitlab.cli.console import stdout
from digitlab.cli.paths import checked


def report(run: Annotated[Path, typer.Argument(callback=checked, metavar="RUN", help="A run folder.")]) -> None:
    """Write the figures and report.html of a run again, from its own files."""
    from digitlab.study.report import report_run

    stdout.print(str(report_run(run)), markup=False, soft_wrap=True)
