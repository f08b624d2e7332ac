"""multiprocessing's BaseManager, of the standard library: a proxy with a connection for each thread."""

from __future__ import annotations

import multiprocessing
from multiprocessing.managers import BaseManager
from typing import Any

from benchmarks.system import Caller, System


class Echo:
    def echo(self, value: object) -> object:
        return value


class Manager(BaseManager):
    pass


Manager.register("Echo", Echo)


class BaseManagerPeer(System):
    def start(self) -> None:
        manager: Any = Manager(ctx=multiprocessing.get_context("spawn"))
        manager.start()
        self.stack.callback(manager.shutdown)
        self._pids = [manager._process.pid]  # the class has no public name for it
        self._echo = manager.Echo()

    def connect(self, method: str = "echo") -> Caller:
        caller: Caller = self._echo.echo
        return caller
