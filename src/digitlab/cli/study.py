"""``digitlab study``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from digitlab.cli import run_options as options
from digitlab.cli import search_options as searching
from digitlab.cli import study_run
from digitlab.cli.console import interval, percent, print_json, stderr
from digitlab.cli.train import show_overlap
from digitlab.config import load_preset


def study(
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
    scan_epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs for which each rate is scanned.  [default: 3]")
    ] = None,
    recommend: Annotated[
        bool | None,
        typer.Option(help="End with the winner's widths trained by the preset `default`.  [default: recommend]"),
    ] = None,
    seed: options.Seed = None,
    lanes: options.Lanes = None,
    as_json: options.AsJson = False,
) -> None:
    """Run the whole study: learning-rate scan, Hyperband, the winner trained, evaluated and reported."""
    axes = searching.given_axes(layers, units, learning_rates, dropouts, batch_sizes, distortions, weight_decays)
    search = {
        "max_epochs": max_epochs,
        "factor": factor,
        "iterations": iterations,
        "finalists": finalists,
        "finalist_seeds": finalist_seeds,
    }
    if resume is not None:
        own = [preset, config, data, out, overwrite, space, scan_epochs, recommend, seed]
        options.refuse_beside_resume("study", resume, [*own, *axes.values(), *search.values()])
        planned, source = study_run.resumed("study", resume)
    else:
        base = options.base_config(preset, config, seed=seed)
        recipe = None if recommend is False else load_preset(options.RECIPE)
        planned = searching.build_study(
            "study", base, searching.build_space(space, axes), search, scan_epochs or 3, recipe
        )
        source = data or "auto"
    record = study_run.run(planned, source, resume or out, overwrite, lanes)
    if as_json:
        print_json(_summary(record))
        return
    stderr.print(f"  {record['scan']['sentence']}", markup=False)
    study_run.show_search(record)
    _show_scores(record)


def _summary(record: dict[str, Any]) -> dict[str, Any]:
    return {
        **study_run.json_head(record),
        "epochs": record["search"]["epochs"],
        "best": record["search"]["best"],
        **{key: record[key] for key in ("best_epoch", "parameters", "validation", "test", "seeds")},
        "recommended": _recommended(record),
        **_document(record),
    }


def _document(record: dict[str, Any]) -> dict[str, Any]:
    """The figures of the document's network; none, and why, where they were measured on other data."""
    from digitlab.evaluation.document import why_not_compared

    reason = why_not_compared(record["dataset"])
    return {"document": None if reason else record["document"], "document_note": reason}


def _recommended(record: dict[str, Any]) -> dict[str, Any] | None:
    told = record.get("recommended")
    return told and {**told, **{key: f"{record['path']}/{told[key]}" for key in ("run", "report")}}


def _show_scores(record: dict[str, Any]) -> None:
    test, seeds = record["test"], record["seeds"]
    stderr.print()
    stderr.print(
        f"  test       [bold]{percent(test['accuracy'])}[/bold] (95 % interval {interval(test['accuracy_interval'])}),"
        f" loss {test['loss']:.4f}, {test['n']:,} images"
    )
    show_overlap("test", test)
    stderr.print(
        f"  over {len(seeds['seeds'])} seeds {percent(seeds['mean_accuracy'])} ± {100 * seeds['deviation']:.2f}"
    )
    compared = _document(record)
    if compared["document"]:
        stderr.print(f"  the document's network, on the same images: {percent(compared['document']['test_accuracy'])}")
    else:
        stderr.print(f"  {compared['document_note']}", markup=False)
    if told := record.get("recommended"):
        scores = told["test"]
        stderr.print(
            f"  recommended [bold]{percent(scores['accuracy'])}[/bold] (95 % interval"
            f" {interval(scores['accuracy_interval'])}), the same widths by the preset default;"
            f" it is right where the winner is wrong on {told['comparison']['only_a']} test images,"
            f" the other way round on {told['comparison']['only_b']}"
        )
        show_overlap("test", scores)
    if note := record["dataset"]["note"]:
        stderr.print(f"  note: {note}", style="yellow", markup=False)
    study_run.show_end(record)
