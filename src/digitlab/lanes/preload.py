"""What the lanes' server imports before it forks: TensorFlow, and whatever else a lane needs.

An exception would end the server with a traceback, and leave nobody to say what was wrong. It is kept here instead.
Every lane that is forked afterwards finds it, and sends it to the process that gives the jobs.
"""

from __future__ import annotations

import sys
from types import TracebackType

from digitlab.runs import machine_failure

error: Exception | None = None
_show_any = sys.excepthook


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print no traceback where the machine is at fault; the process that gives the jobs finds this one ended."""
    if machine_failure(error) is None:
        _show_any(kind, error, trace)


sys.excepthook = _show
try:
    import digitlab.lanes.lane  # noqa: F401 - for the lanes that are forked
except Exception as raised:  # noqa: BLE001 - the lanes report it
    error = raised.with_traceback(None)
