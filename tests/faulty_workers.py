"""Workers whose decoder misbehaves as the upload asks, and a server that has such workers."""

import sys

# What a worker process runs in place of `digitlab.server.process.CODE`.
CODE = """
import json, sys
sys.path[:] = json.loads(sys.argv[3])
import ctypes, os, subprocess, time
from digitlab.server import uploads, worker
real = uploads.read_number

def read_number(picture, classifier):
    asked = bytes(picture[:20])
    if asked == b"hang":
        time.sleep(60)
    if asked == b"hang in C":  # holds the interpreter's lock
        ctypes.PyDLL(None).sleep(60)
    if asked == b"hang with child":
        subprocess.Popen(["sleep", "61.5"]).wait()
    if asked == b"exit":
        os._exit(3)
    if asked == b"segfault":
        ctypes.string_at(0)
    if asked == b"eat":
        return len(bytearray(2**31))
    if asked == b"raise":
        raise RuntimeError("a secret of the decoder")
    if asked == b"flood":
        os.write(1, b"x" * 10**6)
        os.write(2, b"x" * 10**6)
        raise ValueError
    return real(picture, classifier)

uploads.read_number = read_number
worker.main(int(sys.argv[1]), int(sys.argv[2]))
"""


def main() -> None:
    """Serve with such workers; the first argument is how many seconds an upload may take."""
    from digitlab.server import Settings, create_app, process
    from digitlab.server.run import serve

    process.CODE = CODE
    app = create_app(settings=Settings(worker_seconds=float(sys.argv[1])))
    serve(app, "127.0.0.1", 0, ready=lambda address: sys.stderr.write(f"{address}\n"), log=False)


if __name__ == "__main__":
    main()
