"""A process that has imported everything that a command may import, and forks children which run Python code.

Its argument is the number of a socket on which `forked` asks for children. TensorFlow is imported here and never
started, so that children may be forked. A child differs from a process of its own in nothing but its imports.
"""

import atexit
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
import types
import warnings
from multiprocessing import util

from injection.forked import fork_the_forkserver, import_everything

MOST_BYTES = 1 << 20


def main() -> None:
    """Fork a child per request, and tell its exit code, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks decides what Ctrl-C means
    import_everything()
    gc.freeze()
    # Python 3.12 warns of threads, which here are those of a BLAS that can be forked.
    warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
    requests = socket.socket(fileno=int(sys.argv[1]))
    with selectors.DefaultSelector() as events:
        events.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fileobj is requests:
                    if not begin(requests, events):
                        return
                else:
                    end(key, events)


def begin(requests: socket.socket, events: selectors.BaseSelector) -> bool:
    """Fork the child that is asked for; false where nobody asks any more."""
    request, descriptors, *_ = socket.recv_fds(requests, MOST_BYTES, 3)
    if not request:
        end_all(events)
        return False
    output, errors, status = descriptors
    pid = os.fork()
    if pid == 0:
        os.dup2(output, 1)
        os.dup2(errors, 2)
        for descriptor in (*descriptors, *(key.fd for key in events.get_map().values())):
            os.close(descriptor)
        be(**json.loads(request))
    os.close(output)
    os.close(errors)
    answers = socket.socket(fileno=status)
    answers.send(str(pid).encode())
    events.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, answers))
    return True


def end(key: selectors.SelectorKey, events: selectors.BaseSelector) -> None:
    """A child has ended: tell how."""
    pid, answers = key.data
    events.unregister(key.fileobj)
    os.close(key.fd)
    with answers:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        answers.send(str(code).encode(), socket.MSG_NOSIGNAL)


def end_all(events: selectors.BaseSelector) -> None:
    """Leave no child behind."""
    for key in events.get_map().values():
        if key.data is not None:
            os.kill(key.data[0], signal.SIGKILL)


def be(code: str, arguments: list[str], folder: str, environment: dict[str, str], session: bool) -> None:
    """What a child does, as ``python -c`` would; it never returns."""
    status = 1
    try:
        if session:
            os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv, sys.path[0] = ["-c", *arguments], ""
        atexit._clear()  # what the server's imports have registered
        fork_the_forkserver()
        main_module = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(code, main_module.__dict__)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - a process that ends, as Python ends one
        traceback.print_exc()
    finally:
        util._exit_function()  # `multiprocessing` at the end of a process
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
