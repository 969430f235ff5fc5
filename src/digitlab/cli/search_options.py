"""What ``digitlab tune`` and ``digitlab study`` share: the options of a search, and the study they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digitlab.cli import run_options as options
from digitlab.cli.paths import checked
from digitlab.config import TrainConfig

if TYPE_CHECKING:
    from digitlab.study.study import Study
    from digitlab.tuning.space import SearchSpace

Space = Annotated[
    Path | None,
    typer.Option(callback=checked, help="TOML file of the search space; what it leaves out is the document's."),
]
Layers = Annotated[str | None, typer.Option(help="How many hidden layers, such as 1,2,3.  [default: 2]")]
Units = Annotated[str | None, typer.Option(help="Units of a hidden layer to choose from.  [default: 32,64,...,256]")]
Rates = Annotated[str | None, typer.Option(help="Learning rates to choose from.  [default: 0.005,0.001,0.0001]")]
Dropouts = Annotated[str | None, typer.Option(help="Shares of silenced units to choose from.")]
BatchSizes = Annotated[str | None, typer.Option(help="Batch sizes to choose from.")]
Distortions = Annotated[str | None, typer.Option(help="Strengths of distortion to choose from.")]
Decays = Annotated[str | None, typer.Option(help="Weight decays to choose from.")]
MaxEpochs = Annotated[int | None, typer.Option(help="Epochs of a network that reaches the end.  [default: 10]")]
Factor = Annotated[int | None, typer.Option(help="Of how many networks one goes on.  [default: 3]")]
Iterations = Annotated[int | None, typer.Option(help="How often all brackets are gone through.  [default: 1]")]
Finalists = Annotated[int | None, typer.Option(help="How many of the best are trained again.  [default: 3]")]
Engine = Annotated[str | None, typer.Option(help="local, or ray: any number of machines.  [default: local]")]
Scheduler = Annotated[str | None, typer.Option(help="hyperband, or on Ray asha.  [default: hyperband]")]
Address = Annotated[str | None, typer.Option(help="Of a Ray cluster. Without it Ray is started on this machine.")]
FinalistSeeds = Annotated[int | None, typer.Option(help="Over how many seeds each.  [default: 3]")]


def given_axes(layers: str | None, units: str | None, rates: str | None, dropouts: str | None, batch_sizes: str | None,
                distortions: str | None, weight_decays: str | None) -> dict[str, Any]:  # fmt: skip
    """What was given of the space on the command line, by SearchSpace's own names."""
    given: list[tuple[str, str, str | None, Any]] = [
        ("hidden_layers", "--layers", layers, int),
        ("units", "--units", units, int),
        ("learning_rate", "--learning-rates", rates, float),
        ("dropout", "--dropouts", dropouts, float),
        ("batch_size", "--batch-sizes", batch_sizes, int),
        ("distortion", "--distortions", distortions, float),
        ("weight_decay", "--weight-decays", weight_decays, float),
    ]
    return {name: options.parse_numbers(option, text, kind) for name, option, text, kind in given if text is not None}


def build_space(path: Path | None, axes: dict[str, Any]) -> SearchSpace:
    """The document's space, the file's differences over it, and over both what was given."""
    from digitlab.tuning.space import SearchSpace, load_space

    space = SearchSpace() if path is None else load_space(path)
    return SearchSpace.from_mapping({**space.to_dict(), **axes})


def build_study(
    verb: str,
    base: TrainConfig,
    space: SearchSpace,
    search: dict[str, Any],
    scan_epochs: int,
    recipe: TrainConfig | None = None,
) -> Study:
    """The study of a verb; what of `search` is `None` keeps its default."""
    from digitlab.study.study import ScanSettings, Study
    from digitlab.tuning.config import SearchConfig

    config = SearchConfig(base=base, **{key: value for key, value in search.items() if value is not None})
    return Study(verb, config, space, ScanSettings(space.learning_rate, scan_epochs), recipe)
