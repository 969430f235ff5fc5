"""Figures and the HTML report of a run, drawn from the run folder's own files."""

from digitlab.report.write import write_report

__all__ = ["write_report"]
