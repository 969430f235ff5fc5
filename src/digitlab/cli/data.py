"""``digitlab data``: list, fetch, verify, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from digitlab.cli.console import print_json, stderr, stdout
from digitlab.cli.dataset import DownloadBars, load_with_progress
from digitlab.cli.paths import checked
from digitlab.errors import DataError, UsageError

if TYPE_CHECKING:
    from digitlab.data.known import KnownSet

app = typer.Typer(help="List, fetch, verify and inspect data sets.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="mnist or fashion-mnist.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


@app.command("list")
def list_sets(as_json: AsJson = False) -> None:
    """List the known data sets and where they lie on this machine."""
    from digitlab.data.inspect import locate_known_sets

    places = {name: str(place) if place else None for name, place in locate_known_sets().items()}
    places["sample"] = "embedded"
    if as_json:
        print_json({"sets": places})
        return
    for name, place in places.items():
        stdout.print(f"{name:<15}{place or f'not here; digitlab data fetch {name}'}", markup=False, soft_wrap=True)


@app.command()
def fetch(name: Name = "mnist") -> None:
    """Fetch a known data set into the cache, verified by its checksums."""
    from digitlab.data.fetch import fetch as fetch_set
    from digitlab.data.places import cache_folder

    known = _known(name)
    with DownloadBars() as bars:
        place = fetch_set(known, cache_folder(), progress=bars)
    stdout.print(str(place), markup=False, soft_wrap=True)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(callback=checked, help="Folder with the four IDX files.")],
    name: Annotated[str, typer.Option("--as", help="The known set they should be.")] = "mnist",
) -> None:
    """Compare a folder's files with the published checksums."""
    from digitlab.data.inspect import verify as check

    checks = check(folder, _known(name).name)
    for file in checks:
        stdout.print(f"{'right' if file.right else 'WRONG'}  {file.path}", markup=False, soft_wrap=True)
    if wrong := [file.path.name for file in checks if not file.right]:
        raise DataError(
            f"{folder}: expected {name}'s content, got something else in {', '.join(wrong)}",
            hint=f"fetch it again: digitlab data fetch {name}",
        )


@app.command()
def inspect(
    source: Annotated[str, typer.Argument(help="A known name or a path.")] = "auto", as_json: AsJson = False
) -> None:
    """Show a data set's classes, counts, pixel range and fingerprint."""
    from digitlab.data.inspect import describe

    dataset = load_with_progress(source)
    description = describe(dataset)
    if as_json:
        print_json(description)
        return
    from rich.table import Table

    table = Table("class", "train", "test", box=None, header_style="dim")
    for label, name in enumerate(dataset.class_names):
        table.add_row(escape(name), *(f"{int((s.labels == label).sum()):,}" for s in (dataset.train, dataset.test)))
    stdout.print(f"[bold]{escape(dataset.name)}[/bold]  fingerprint {dataset.fingerprint}", soft_wrap=True)
    stdout.print(table)
    if description["remark"]:
        stderr.print(f"[yellow]note: {description['remark']}[/yellow]")


def _known(name: str) -> KnownSet:
    from digitlab.data.known import KNOWN_SETS

    if name not in KNOWN_SETS:
        raise UsageError(f"{name!r} is no known data set", hint=f"known are {', '.join(KNOWN_SETS)}")
    return KNOWN_SETS[name]
