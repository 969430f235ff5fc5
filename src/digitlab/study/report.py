"""`report_run`: the report of a run again, while no other process writes into it."""

from __future__ import annotations

from pathlib import Path

from digitlab.runs import RunFolder


def report_run(target: Path) -> Path:
    """Write the figures and report.html of a run again; see `digitlab.report.write_report`.

    Args:
        target: A run folder.

    Returns:
        The path of report.html.

    Raises:
        RunError: It is no run folder, a file in it is damaged, it cannot be written to, or another process, such as
            the training itself, writes into it.
    """
    folder = RunFolder(target)
    folder.read_record()  # locking makes the folder, and must not where there is no run
    from digitlab.report import write_report

    with folder.lock(hint="wait for it to end; it writes its report itself"):
        return write_report(target)
