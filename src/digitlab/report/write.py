"""`write_report`: figures and page of a run, from its own files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from digitlab.report.confusion import draw_confusion
from digitlab.report.contents import Contents, read_contents
from digitlab.report.curves import chosen_epoch, draw_learning_curves
from digitlab.report.distorted import draw_distorted
from digitlab.report.finalists import draw_finalists
from digitlab.report.gallery import draw_gallery
from digitlab.report.html import render_html
from digitlab.report.parallel import draw_trials
from digitlab.report.range_test import draw_range_test
from digitlab.report.rates import draw_learning_rates
from digitlab.report.reliability import draw_calibration, draw_risk_coverage
from digitlab.report.style import save_figure, styled
from digitlab.runs import write_text
from digitlab.runs.layout import FIGURES, Layout
from digitlab.runs.own_files import refuse_links

# What a report writes into: its page lies in the run folder itself.
_WRITTEN = Layout((), {"figures": FIGURES})


def write_report(run_folder: Path) -> Path:
    """Draw a run's figures and write report.html. Needs neither TensorFlow nor the data.

    Args:
        run_folder: What `digitlab train`, `scan`, `tune` or `study` made. A part that is not there yet is left
            out of the page.

    Returns:
        The path of report.html.

    Raises:
        RunError: It is no run folder, a file in it is damaged, or it cannot be written to.
    """
    contents = read_contents(run_folder)
    refuse_links(run_folder, _WRITTEN)
    with styled():
        figures = {
            name: save_figure(figure, run_folder / "figures", name) for name, figure in draw_figures(contents).items()
        }
    path = run_folder / "report.html"
    write_text(path, render_html(contents, figures))
    return path


def draw_figures(contents: Contents) -> dict[str, Figure]:
    """Every figure that the run's contents allow, by its file name without suffix."""
    return {**_draw_search(contents), **_draw_network(contents)}


def _draw_search(contents: Contents) -> dict[str, Figure]:
    """How the network was found."""
    figures = {}
    if contents.scan:
        figures["range_test"] = draw_range_test(contents.scan)
        if contents.scan.diagnostics:
            figures["learning_rates"] = draw_learning_rates(contents.scan)
    if contents.trials:
        figures["trials"] = draw_trials(contents.trials)
    if contents.search:
        figures["finalists"] = draw_finalists(contents.search)
    return figures


def _draw_network(contents: Contents) -> dict[str, Figure]:
    """How it was trained, and what it can do."""
    figures = {}
    if contents.distorted:
        figures["distorted"] = draw_distorted(contents.distorted)
    if contents.history:
        figures["learning_curves"] = draw_learning_curves(contents.history, chosen_epoch(contents.record))
    for name, evaluation in contents.evaluations.items():
        title = f"{name.capitalize()}: {round(evaluation.n * (1 - evaluation.accuracy))} of {evaluation.n:,} wrong"
        figures[f"confusion_{name}"] = draw_confusion(evaluation.confusion_matrix, evaluation.class_names, title)
    named = list(contents.evaluations.items())
    if named:
        figures["calibration"] = draw_calibration(named)
        figures["risk_coverage"] = draw_risk_coverage(named)
        name, evaluation = named[-1]
        if len(contents.mistake_images.get(name, ())):
            figures["mistakes"] = draw_gallery(
                contents.mistake_images[name], evaluation.mistakes, evaluation.class_names
            )
    return figures
