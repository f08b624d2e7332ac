"""A server in a process of its own, which ends with the process that started it, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0


class ServerProcess:
    """Runs `body(ready, *args)` in a fresh interpreter; `said` is what the body has passed to `ready`."""

    def __init__(self, body: Callable[..., None], *args: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._lifeline, theirs = context.Pipe()
        self._process = context.Process(target=_live, args=(theirs, body, args), daemon=True)
        self._process.start()
        theirs.close()  # so that the end of the child is an end of file here
        if not self._lifeline.poll(START_TIMEOUT_S):
            self.stop()
            raise TimeoutError(f"{body.__module__}.{body.__qualname__} did not start within {START_TIMEOUT_S:g} s")
        self.said: Any = self._lifeline.recv()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def stop(self) -> None:
        self._lifeline.close()
        self._process.join(STOP_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _live(lifeline: Connection, body: Callable[..., None], args: tuple[object, ...]) -> None:
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    body(lifeline.send, *args)
    threading.Event().wait()  # the body has started threads, and returned


def _end_with(lifeline: Connection) -> None:
    """Wait for the end of the parent, or of its patience with us."""
    lifeline.poll(None)
    os._exit(0)
