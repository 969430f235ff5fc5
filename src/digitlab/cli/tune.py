"""``digitlab tune``."""

from __future__ import annotations

from digitlab.cli import run_options as options
from digitlab.cli import search_options as searching
from digitlab.cli import study_run
from digitlab.cli.console import print_json
from digitlab.errors import UsageError


def tune(
    preset: options.Preset = None,
    config: options.Config = None,
    data: options.Data = None,
    out: options.Out = None,
    resume: options.Resume = None,
    overwrite: options.Overwrite = False,
    space: searching.Space = None,
    layers: searching.Layers = None,
    units: searching.Units = None,
    learning_rates: searching.Rates = None,
    dropouts: searching.Dropouts = None,
    batch_sizes: searching.BatchSizes = None,
    distortions: searching.Distortions = None,
    weight_decays: searching.Decays = None,
    max_epochs: searching.MaxEpochs = None,
    factor: searching.Factor = None,
    iterations: searching.Iterations = None,
    finalists: searching.Finalists = None,
    finalist_seeds: searching.FinalistSeeds = None,
    seed: options.Seed = None,
    engine: searching.Engine = None,
    scheduler: searching.Scheduler = None,
    address: searching.Address = None,
    lanes: options.Lanes = None,
    as_json: options.AsJson = False,
) -> None:
    """Search for the best network by Hyperband, and choose it among finalists."""
    axes = searching.given_axes(layers, units, learning_rates, dropouts, batch_sizes, distortions, weight_decays)
    search = {
        "max_epochs": max_epochs,
        "factor": factor,
        "iterations": iterations,
        "finalists": finalists,
        "finalist_seeds": finalist_seeds,
        "engine": engine,
        "scheduler": scheduler,
    }
    if resume is not None:
        given = [preset, config, data, out, overwrite, space, seed, *axes.values(), *search.values()]
        options.refuse_beside_resume("tune", resume, given)
        study, source = study_run.resumed("tune", resume)
    else:
        base = options.base_config(preset, config, seed=seed)
        study = searching.build_study("tune", base, searching.build_space(space, axes), search, 1)
        source = data or "auto"
    if address is not None and study.search.engine != "ray":
        raise UsageError("--address: expected it with --engine ray, got it without", hint="add --engine ray")
    record = study_run.run(study, source, resume or out, overwrite, lanes, address)
    if as_json:
        search_record = record["search"]
        more = {key: search_record[key] for key in ("trials", "epochs", "best", "finalists", "choice", "failed")}
        more["validation_overlap"] = search_record.get("validation_overlap", "")
        print_json({**study_run.json_head(record), **more})
        return
    study_run.show_search(record)
