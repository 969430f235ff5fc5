"""``digitlab scan``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from digitlab.cli import run_options as options
from digitlab.cli import study_run
from digitlab.cli.console import print_json, stderr


def scan(
    preset: options.Preset = None,
    config: options.Config = None,
    data: options.Data = None,
    out: options.Out = None,
    resume: options.Resume = None,
    overwrite: options.Overwrite = False,
    rates: Annotated[
        str | None, typer.Option(help="Learning rates to train side by side.  [default: 0.005,0.001,0.0001]")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs for which each rate is trained.  [default: 5]")
    ] = None,
    lowest: Annotated[float | None, typer.Option(help="First rate of the range test.  [default: 1e-06]")] = None,
    highest: Annotated[float | None, typer.Option(help="Last rate of the range test.  [default: 1.0]")] = None,
    steps: Annotated[int | None, typer.Option(help="Updates in between.  [default: 600]")] = None,
    seed: options.Seed = None,
    lanes: options.Lanes = None,
    as_json: options.AsJson = False,
) -> None:
    """Scan learning rates: a range test, and a few rates trained side by side."""
    from digitlab.study.study import ScanSettings, Study
    from digitlab.tuning.config import SearchConfig
    from digitlab.tuning.space import SearchSpace

    if resume is not None:
        given = [preset, config, data, out, overwrite, rates, epochs, lowest, highest, steps, seed]
        options.refuse_beside_resume("scan", resume, given)
        study, source = study_run.resumed("scan", resume)
    else:
        chosen = SearchSpace().learning_rate if rates is None else options.parse_numbers("--rates", rates, float)
        asked: dict[str, Any] = {"epochs": epochs or 5, "lowest": lowest, "highest": highest, "steps": steps}
        settings = ScanSettings(chosen, **{key: value for key, value in asked.items() if value is not None})
        base = options.base_config(preset, config, seed=seed)
        study, source = Study("scan", SearchConfig(base=base), SearchSpace(), settings), data or "auto"
    record = study_run.run(study, source, resume or out, overwrite, lanes)
    if as_json:
        print_json({**study_run.json_head(record), "scan": record["scan"]})
        return
    stderr.print(f"  {record['scan']['sentence']}", markup=False)
    study_run.show_end(record)
