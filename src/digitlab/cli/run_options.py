"""What the verbs that make a run have in common: their options' words, and how a run is named or resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from digitlab.cli.paths import checked, recordable
from digitlab.config import TrainConfig, load_config_file, load_preset
from digitlab.errors import RunError, UsageError

# What `train` begins with, and what everything else does.
RECIPE, DOCUMENT = "default", "document"

Preset = Annotated[str | None, typer.Option(help="Named configuration to start from.  [default: document]")]
Config = Annotated[Path | None, typer.Option(callback=checked, help="TOML file of differences from the preset.")]
Data = Annotated[
    str | None,
    typer.Option(
        help="auto, mnist, fashion-mnist, sample, or a path: IDX, NPY, CSV, NPZ, class folders.  [default: auto]"
    ),
]
Out = Annotated[Path | None, typer.Option(callback=recordable, help="Run folder. Default: a new one under runs/.")]
Resume = Annotated[Path | None, typer.Option(callback=recordable, help="Go on with this unfinished run.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Throw away a run that lies in --out.")]
Seed = Annotated[int | None, typer.Option(help="The same seed, the same run, bit for bit.")]
Lanes = Annotated[
    int | None, typer.Option(min=1, help="Processes that train side by side. Default: one for every core.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def base_config(preset: str | None, config: Path | None, *, usual: str = DOCUMENT, **changes: Any) -> TrainConfig:
    """The preset (`usual`, if none is named), the file's differences over it, and over both the options given."""
    settings = load_preset(usual if preset is None else preset)
    if config is not None:
        settings = load_config_file(config, settings)
    return settings.replace(**{key: value for key, value in changes.items() if value is not None})


def refuse_beside_resume(verb: str, resume: Path, others: list[Any]) -> None:
    """Raise `UsageError` if anything was given beside ``--resume``, which takes all from the run."""
    if any(other is not None and other is not False for other in others):
        raise UsageError(
            "--resume takes its settings from the run, and got others beside it",
            hint=f"digitlab {verb} --resume {resume}",
        )


def read_resumed(verb: str, path: Path) -> dict[str, Any]:
    """run.json of the run to go on with.

    Raises:
        RunError: There is none, or another verb made it.
    """
    from digitlab.runs import RunFolder

    record = RunFolder(path).read_record()
    made_by = record.get("command", "train")
    if made_by != verb:
        raise RunError(
            f"{path} was made by `digitlab {made_by}`, not by `digitlab {verb}`",
            hint=f"digitlab {made_by} --resume {path}",
        )
    return record


def new_run(verb: str) -> Path:
    """Make a new run folder under ``runs/``. Called once the data are known to be there, since it leaves a trace."""
    from digitlab.runs import make_run_folder

    return make_run_folder(verb)


def parse_numbers(option: str, text: str, kind: type[int] | type[float]) -> tuple[Any, ...]:
    """Numbers between commas.

    Raises:
        UsageError: One of them is none.
    """
    try:
        return tuple(kind(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        words = "whole numbers such as 64,128" if kind is int else "numbers such as 0.001,0.005"
        raise UsageError(f"{option}: expected {words}, got {text!r}", hint=f"write it as {option} A,B,C") from error
