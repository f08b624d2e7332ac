"""Processes started by `multiprocess`, each with an interpreter of its own: for `start_method = "spawn"`.

It takes 0.1 s for each, and works wherever Python does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import multiprocess
from multiprocess import resource_tracker, spawn, util

from weaverlab.deployers.interpreter import prelude
from weaverlab.runtime.inherit import InheritedFds, become_weavelet

DEAF_TO_CTRL_C = "import signal as s; s.signal(s.SIGINT, s.SIG_IGN); s.pthread_sigmask(s.SIG_UNBLOCK, {s.SIGINT})"
UNPASSED = ("init_main", "sys_path")  # of what `multiprocess` prepares: code and its path come with the bootstrap

_launching = threading.Lock()  # guards what `_as_we_start_processes` replaces in `multiprocess`


class Spawned:
    """One process that `multiprocess` has started."""

    def __init__(self, replica: str, stdin: int, stdout: int, stderr: int) -> None:
        pipes = InheritedFds((stdin, stdout, stderr))
        self._process: Any = multiprocess.get_context("spawn").Process(
            target=become_weavelet, args=(pipes,), name=replica
        )
        with _launching, _as_we_start_processes():
            self._process.start()
        self.pid: int = self._process.pid

    def wait(self, timeout_s: float) -> int | None:
        self._process.join(timeout_s)
        code: int | None = self._process.exitcode
        return code

    def close(self) -> None:
        self._process.close()


def end_tracker() -> None:
    """End the resource tracker of `multiprocess`, which ignores whoever asks it to end."""
    tracker = resource_tracker._resource_tracker
    if tracker._pid is not None:
        os.kill(tracker._pid, signal.SIGKILL)
        tracker._stop()  # waits for it, and forgets it: the next process starts a new one


@contextlib.contextmanager
def _as_we_start_processes() -> Iterator[None]:
    """Change three habits of `multiprocess` while it starts a process for us.

    It would run the user's script again in the child: code travels in the bundle. It would look for modules in the
    working directory first, where a stray `dill.py` or `signal.py` may lie. And Ctrl-C, which a terminal sends to
    children as well, would end with a traceback what has not come far enough to ignore it.
    """
    vars(sys.modules["__main__"]).setdefault("__spec__", None)  # which `%reset` of a notebook deletes
    prepare, execute = spawn.get_preparation_data, util.spawnv_passfds

    def prepare_less(name: str) -> dict[str, Any]:
        return {key: value for key, value in prepare(name).items() if not key.startswith(UNPASSED)}

    def execute_elsewhere(path: bytes, arguments: list[Any], fds: list[int]) -> int:
        at = arguments.index("-c") + 1
        code = f"{prelude()}; {DEAF_TO_CTRL_C}; {arguments[at]}"
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the child inherits it
        try:
            pid: int = execute(path, [*arguments[:at], code, *arguments[at + 1 :]], fds)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid

    spawn.get_preparation_data, util.spawnv_passfds = prepare_less, execute_elsewhere
    try:
        yield
    finally:
        spawn.get_preparation_data, util.spawnv_passfds = prepare, execute
