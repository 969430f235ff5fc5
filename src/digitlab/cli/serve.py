"""``digitlab serve``."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Annotated

import typer

from digitlab.cli.console import stderr
from digitlab.cli.interruption import interruption
from digitlab.errors import UsageError

# Never an option: what stands on a command line is read by everybody on the machine.
KEY = "DIGITLAB_API_KEY"


def serve(
    model: Annotated[
        Path | None, typer.Argument(help="Run folder or .onnx file. Default: the shipped network.")
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
    most_mib: Annotated[int, typer.Option(help="Largest body of a request, in MiB.")] = 32,
    most_images: Annotated[int, typer.Option(help="Largest batch.")] = 10_000,
    workers: Annotated[int, typer.Option(help="Pictures and large batches worked on at once; 0: one a core.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Log errors alone, not every request.")] = False,
) -> None:
    """Answer over HTTP: read pictures, classify arrays, and show the page to draw on.

    With DIGITLAB_API_KEY in the environment, requests must bring that key.
    """
    if importlib.util.find_spec("fastapi") is None:
        raise UsageError("expected FastAPI to serve with, found none", hint='pip install "digitlab[serve]"')
    for name, value, least in (
        ("--most-mib", most_mib, 1),
        ("--most-images", most_images, 1),
        ("--workers", workers, 0),
    ):
        if value < least:
            raise UsageError(f"{name}: expected a number from {least} on, got {value}", hint="leave it out")
    from digitlab.classifier import load_classifier
    from digitlab.runs import available_cores
    from digitlab.server import Settings, create_app
    from digitlab.server.run import serve as run
    from digitlab.server.settings import LOOPBACK, MIB

    settings = Settings(
        hosts=(*LOOPBACK, *((host.lower(),) if host not in LOOPBACK else ()), *map(str.lower, allow_host or ())),
        origins=tuple(allow_origin or ()),
        api_key=os.environ.get(KEY) or None,
        most_bytes=most_mib * MIB,
        most_images=most_images,
        workers=workers or available_cores(),
    )
    report = model / "report.html" if model is not None and (model / "report.html").is_file() else None
    # The server ends in its own way: it answers what it has accepted.
    interruption.release()
    app = create_app(load_classifier(model), settings, report=report)
    run(
        app,
        host,
        port,
        ready=lambda address: stderr.print(f"digitlab reads digits at {address}", highlight=False),
        log=not quiet,
    )
