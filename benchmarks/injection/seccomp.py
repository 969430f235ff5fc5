"""`watch_changes`: the kernel asks a supervisor before each file-changing system call of a process and its children.

A seccomp filter of Linux (seccomp_unotify(2)) stops a thread before such a call, whoever makes it: Python, HDF5,
TensorFlow's writer or a forked worker. The supervisor counts the calls of the whole process tree in one order and
either lets a call happen or kills. An audit hook of Python (`sys.addaudithook`) would see neither writes nor C code.
``strace --inject=...:signal=KILL:when=N`` counts per thread instead of per process tree, cannot select the paths of
one folder by prefix, and stops every system call of TensorFlow.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import platform
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

_SYS_SECCOMP = 317
_SECCOMP_SET_MODE_FILTER, _NEW_LISTENER = 1, 1 << 3
_PR_SET_NO_NEW_PRIVS = 38
_ALLOW, _USER_NOTIF = 0x7FFF0000, 0x7FC00000
_AUDIT_ARCH_X86_64 = 0xC000003E
_NOTIF_RECV, _NOTIF_SEND = 0xC0502100, 0xC0182101
_NOTIF, _CONTINUE = struct.Struct("=QIIiIQ6Q"), 1
_AT_FDCWD = -100
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

# System calls of x86-64 by number: name, and which argument holds a file descriptor ("fd"), a path ("path"), or the
# descriptor of a folder with a path behind it ("at").
_CALLS = {
    1: ("write", "fd", 0), 2: ("open", "path", 0), 18: ("pwrite64", "fd", 0), 20: ("writev", "fd", 0),
    40: ("sendfile", "fd", 0), 76: ("truncate", "path", 0), 77: ("ftruncate", "fd", 0), 82: ("rename", "path", 0),
    83: ("mkdir", "path", 0), 84: ("rmdir", "path", 0), 85: ("creat", "path", 0), 86: ("link", "path", 1),
    87: ("unlink", "path", 0), 88: ("symlink", "path", 1), 90: ("chmod", "path", 0), 91: ("fchmod", "fd", 0),
    257: ("openat", "at", 0), 258: ("mkdirat", "at", 0), 263: ("unlinkat", "at", 0), 264: ("renameat", "at", 0),
    265: ("linkat", "at", 2), 266: ("symlinkat", "at", 1), 268: ("fchmodat", "at", 0), 280: ("utimensat", "at", 0),
    285: ("fallocate", "fd", 0), 296: ("pwritev", "fd", 0), 316: ("renameat2", "at", 0),
    326: ("copy_file_range", "fd", 2), 328: ("pwritev2", "fd", 0), 437: ("openat2", "at", 0),
}  # fmt: skip
# Those that change something only if their flags say so, and which argument the flags are.
_FLAGS = {2: 1, 257: 2}


@dataclass(frozen=True)
class Change:
    """A change of a file that is about to happen."""

    notification: int
    thread: int
    call: str
    path: str


def refuse_elsewhere() -> None:
    """Raise `SystemExit` where there is no such filter: it is written for Linux on x86-64."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise SystemExit(f"expected Linux on x86-64, got {platform.system()} on {platform.machine()}")


def watch_changes() -> int:
    """Stop this process, its threads and its children before each change of a file from now on.

    Returns:
        The descriptor that `receive` and `let_happen` take; for another process.

    Raises:
        OSError: The kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    program = _program()
    code = ctypes.create_string_buffer(b"".join(program))
    filter_ = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    descriptor = libc.syscall(_SYS_SECCOMP, _SECCOMP_SET_MODE_FILTER, _NEW_LISTENER, filter_)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return int(descriptor)


def receive(listener: int) -> Change | None:
    """The next change that waits; `None` if whoever wanted it is gone."""
    buffer = bytearray(_NOTIF.size)
    try:
        fcntl.ioctl(listener, _NOTIF_RECV, buffer)
        number, thread, _, call, _, _, *arguments = _NOTIF.unpack(buffer)
        name, kind, position = _CALLS[call]
        return Change(number, thread, name, _path(thread, kind, arguments[position : position + 2]))
    except OSError:
        return None


def let_happen(listener: int, change: Change) -> None:
    """Let a change happen."""
    with contextlib.suppress(OSError):  # whoever wanted it was killed meanwhile
        fcntl.ioctl(listener, _NOTIF_SEND, struct.pack("=QqiI", change.notification, 0, 0, _CONTINUE))


def _path(thread: int, kind: str, arguments: list[int]) -> str:
    """The absolute path that a call means."""
    if kind == "fd":
        return os.readlink(f"/proc/{thread}/fd/{arguments[0] & 0xFFFFFFFF}")  # noqa: PTH115 - keeps " (deleted)"
    folder, address = f"/proc/{thread}/cwd", arguments[0]
    if kind == "at":
        descriptor, address = ctypes.c_int(arguments[0] & 0xFFFFFFFF).value, arguments[1]
        folder = folder if descriptor == _AT_FDCWD else f"/proc/{thread}/fd/{descriptor}"
    text = _text(thread, address)
    return os.path.normpath(text if text.startswith("/") else Path(folder).readlink() / text)


def _text(thread: int, address: int) -> str:
    """A C string in another process's memory."""
    page = 4096
    found = b""
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:  # noqa: PTH123
        while b"\0" not in found:
            memory.seek(address + len(found))
            found += memory.read(page - (address + len(found)) % page)
    return os.fsdecode(found.partition(b"\0")[0])


def _program() -> list[bytes]:
    """The filter, in the kernel's classic BPF: ask about the calls of `_CALLS`, allow all others."""
    allow, ask = _statement(0x06, _ALLOW), _statement(0x06, _USER_NOTIF)
    body = []
    for call in _CALLS:
        if call in _FLAGS:  # equal: load the flags, ask if one of them is set
            body += [_jump(0x15, call, 0, 4), _statement(0x20, 16 + 8 * _FLAGS[call])]
            body += [_jump(0x45, _FOR_WRITING, 0, 1), ask, allow]
        else:
            body += [_jump(0x15, call, 0, 1), ask]
    head = [_statement(0x20, 4), _jump(0x15, _AUDIT_ARCH_X86_64, 1, 0), allow, _statement(0x20, 0)]
    return [*head, *body, allow]


def _statement(code: int, value: int) -> bytes:
    return struct.pack("HBBI", code, 0, 0, value)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
