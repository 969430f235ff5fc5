"""`StoppableServer`: uvicorn's server, which ends soon and loses no request when it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import select
import socket
import sys
from collections.abc import Callable

import uvicorn

from digitlab.server.protocol import sweep

# How long requests that were accepted may take to be answered; workers are ended this much earlier, so that requests
# that wait for them are answered with an error.
GRACE_SECONDS, LAST_SECONDS = 22.0, 2.0
# How long connections that the system has established may take to be accepted.
BACKLOG_SECONDS = 2.0
# How long a request whose connection was aborted may take to notice that.
ABORT_SECONDS = 1.0
# Of <asm-generic/socket.h>; the socket module does not have it.
SO_ATTACH_FILTER = 26
TICK = 0.02


class StoppableServer(uvicorn.Server):
    """A server that says when it is ready, watches its connections, and stops in order.

    Args:
        config: Of uvicorn, with `BoundedProtocol` as its protocol.
        ready: Called once connections are accepted.
        end_work: Ends the workers; what waits for them gets an error.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], end_work: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready, self._end_work = ready, end_work

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, and say so."""
        await super().startup(sockets=sockets)
        if self.started and not self.should_exit:
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; watch the connections at each second."""
        if counter % 10 == 0:
            self._sweep()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept what is established, answer what is asked, and end within `GRACE_SECONDS`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + GRACE_SECONDS
        await asyncio.gather(*(_accept_backlog(one) for one in sockets or []))
        for server in self.servers:
            server.close()
        for one in sockets or []:
            one.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._until_idle(end - LAST_SECONDS)
        await loop.run_in_executor(None, self._end_work)
        await self._until_idle(end)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        if tasks := list(self.server_state.tasks):
            # They end by themselves, since their connections are lost. A cancelled one is logged with a traceback.
            await asyncio.wait(tasks, timeout=ABORT_SECONDS)
        for task in list(self.server_state.tasks):
            task.cancel()
        # Even after a second Ctrl-C: a lifespan that is cancelled instead is logged with a traceback.
        await self.lifespan.shutdown()

    async def _until_idle(self, end: float) -> None:
        state, now = self.server_state, asyncio.get_running_loop().time
        while (state.connections or state.tasks) and not self.force_exit and now() < end:
            self._sweep()
            await asyncio.sleep(TICK)

    def _sweep(self) -> None:
        sweep(list(self.server_state.connections), asyncio.get_running_loop().time())


async def _accept_backlog(listening: socket.socket) -> None:
    """Let the loop accept every connection that the system has established, and let no new one be established.

    Closing a listening socket resets the connections that wait in its queue, though their clients may have sent
    a request.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # without the filter, a connection of the last microseconds may be reset
            _refuse_new(listening)
    waiting = select.poll()
    waiting.register(listening, select.POLLIN)
    end = asyncio.get_running_loop().time() + BACKLOG_SECONDS
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(TICK)
        if not waiting.poll(0):
            return


class _Instruction(ctypes.Structure):
    """`struct sock_filter` of <linux/filter.h>."""

    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    """`struct sock_fprog` of <linux/filter.h>."""

    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def _refuse_new(listening: socket.socket) -> None:
    """Drop the first packet of every new connection: its client tries again, and then finds no server.

    Raises:
        OSError: The system has no such filters.
    """
    instructions = (_Instruction * 4)(
        _Instruction(0x30, 0, 0, 13),  # load byte 13 of the TCP header: the flags
        _Instruction(0x45, 0, 1, 0x02),  # is SYN set?
        _Instruction(0x06, 0, 0, 0),  # then drop the packet
        _Instruction(0x06, 0, 0, 0xFFFFFFFF),  # otherwise take all of it
    )
    listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, bytes(_Program(len(instructions), instructions)))
