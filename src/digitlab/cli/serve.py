"""``digitlab serve``."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Annotated

import typer

from digitlab.cli.console import stderr
from digitlab.cli.interruption import interruption
from digitlab.cli.paths import checked
from digitlab.errors import UsageError

# More would let a single request take a server's whole memory.
LARGEST_MIB = 1024
MOST_IMAGES, MOST_WORKERS = 10_000_000, 256
# Where nobody says, so that all processes together stay below 1.5 GB on machines with many cores too.
USUAL_WORKERS = 2


def serve(
    model: Annotated[
        Path | None, typer.Argument(callback=checked, help="Run folder or .onnx file. Default: the shipped network.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for every one of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for any that is free.")] = 8000,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name that requests may be for, besides the address; * for any.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="An origin, such as https://forms.example, whose pages may ask.")
    ] = None,
    most_mib: Annotated[int, typer.Option(help=f"Largest body of a request, in MiB; {LARGEST_MIB} at most.")] = 32,
    most_images: Annotated[int, typer.Option(help="Largest batch.")] = 10_000,
    workers: Annotated[
        int, typer.Option(help="Processes that read pictures, of up to 620 MiB each; 0: one a core, 2 at most.")
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Log errors alone, not every request.")] = False,
) -> None:
    """Answer over HTTP: read pictures, classify arrays, and show the page to draw on.

    With DIGITLAB_API_KEY in the environment, requests must bring that key.
    """
    if importlib.util.find_spec("fastapi") is None:
        raise UsageError("expected FastAPI to serve with, found none", hint='pip install "digitlab[serve]"')
    for name, value, least, most in (
        ("--most-mib", most_mib, 1, LARGEST_MIB),
        ("--most-images", most_images, 1, MOST_IMAGES),
        ("--workers", workers, 0, MOST_WORKERS),
    ):
        if not least <= value <= most:
            raise UsageError(f"{name}: expected a number from {least} to {most:,}, got {value}", hint="leave it out")
    from digitlab.classifier import load_classifier
    from digitlab.runs import available_cores
    from digitlab.server import Settings, create_app
    from digitlab.server.run import serve as run
    from digitlab.server.settings import API_KEY, LOOPBACK, MIB

    settings = Settings(
        hosts=(*LOOPBACK, f"[{host.lower()}]" if ":" in host else host.lower(), *map(str.lower, allow_host or ())),
        origins=tuple(allow_origin or ()),
        api_key=os.environ.get(API_KEY) or None,
        most_bytes=most_mib * MIB,
        most_images=most_images,
        workers=workers or min(available_cores(), USUAL_WORKERS),
        threads=available_cores(),
    )
    report = model / "report.html" if model is not None and (model / "report.html").is_file() else None
    app = create_app(load_classifier(model), settings, report=report)
    run(
        app,
        host,
        port,
        ready=lambda address: stderr.print(f"digitlab reads digits at {address}", highlight=False),
        log=not quiet,
        # A signal that is received earlier interrupts the command; the server answers first what it has accepted.
        handle_signals=interruption.hand_over,
    )
