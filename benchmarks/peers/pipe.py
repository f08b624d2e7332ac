"""multiprocessing's Pipe, of the standard library: a pair of ends for each caller, a thread behind each."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

from benchmarks.system import Caller, System

PIPES = 40  # made before the server starts, since it inherits them: for one caller, and 32


class PipePeer(System):
    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        pairs = [context.Pipe() for _ in range(PIPES)]
        self.serve(serve, [theirs for _, theirs in pairs])
        for ours, theirs in pairs:
            theirs.close()
            self.stack.callback(ours.close)
        self._free = [ours for ours, _ in pairs]

    def connect(self, method: str = "echo") -> Caller:
        pipe = self._free.pop()

        def call(value: object) -> object:
            pipe.send(value)
            return pipe.recv()

        return call


def serve(ready: Callable[[object], None], pipes: list[Connection]) -> None:
    for pipe in pipes:
        threading.Thread(target=_answer, args=(pipe,), daemon=True).start()
    ready(True)


def _answer(pipe: Connection) -> None:
    while True:
        pipe.send(pipe.recv())
