"""Lets the Stop button reach a cell that awaits.

A kernel that awaits sleeps in its event loop until something happens there. The signal of the Stop button is no such
thing: Python handles it, ipykernel asks its loop to cancel the cell, and the loop goes on sleeping. So a byte is sent
to the loop with every signal (`signal.set_wakeup_fd`), as asyncio does for signal handlers of its own.
"""

from __future__ import annotations

import asyncio
import signal
import socket


class SignalsWakeLoop:
    """While open, every signal wakes the loop that runs on this thread, the main one. It patches nothing."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self._before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        if self._before != -1:  # somebody does this already
            signal.set_wakeup_fd(self._before)
        self._loop.add_reader(self._reader, self._reader.recv, 4096)

    def close(self) -> None:
        if self._before == -1:
            signal.set_wakeup_fd(-1)
        self._loop.remove_reader(self._reader)
        self._reader.close()
        self._writer.close()
