"""Loaded by Python before anything else where a test puts this folder first on the path: signals at chosen calls.

``DIGITLAB_HOOK`` is ``count:FILE``, which writes the number of calls into digitlab's own functions; ``call:N:SIGNAL``,
which sends the process a signal at the N-th of them; or ``begin:DESCRIPTOR``, which writes a byte when digitlab's own
code begins.
"""

import atexit
import os
import sys
from pathlib import Path

# Not for the processes that this one starts.
KIND, _, REST = os.environ.pop("DIGITLAB_HOOK", "").partition(":")
OWN = f"{os.sep}src{os.sep}digitlab{os.sep}"
calls = 0


def count(frame, event, _):
    global calls
    if event == "call" and OWN in frame.f_code.co_filename:
        calls += 1
        if calls == AT:
            sys.setprofile(None)
            os.kill(os.getpid(), SIGNAL)


def say(event, arguments):
    global KIND
    if KIND and event == "import" and arguments[0] == "digitlab.cli":
        KIND = ""
        os.write(int(REST), b"!")


if KIND == "count":
    AT, SIGNAL = 0, 0
    atexit.register(lambda: Path(REST).write_text(str(calls)))
    sys.setprofile(count)
elif KIND == "call":
    AT, SIGNAL = map(int, REST.split(":"))
    sys.setprofile(count)
elif KIND == "begin":
    sys.addaudithook(say)
