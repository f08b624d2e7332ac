"""How a process that `multiprocess` started becomes a weavelet: it gets its three pipes, then runs `child.main`.

In the runtime and not beside the code that starts processes, so that a new weavelet imports no deployer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NoReturn

import dill  # noqa: F401 - as long as modules are searched for in places of our choice (see `child`)
from multiprocess import reduction

from weaverlab.runtime import child

STANDARD_FDS = (0, 1, 2)


class InheritedFds:
    """File descriptors as an argument of a new process: duplicates of them are open there."""

    def __init__(self, fds: Sequence[int]) -> None:
        self.fds = tuple(fds)

    def __getstate__(self) -> list[Any]:
        return [reduction.DupFd(fd) for fd in self.fds]

    def __setstate__(self, duplicates: list[Any]) -> None:
        self.fds = tuple(duplicate.detach() for duplicate in duplicates)


def become_weavelet(pipes: InheritedFds) -> NoReturn:
    """Put the pipes where a weavelet expects them (see `runtime.child`), and be one."""
    for fd, standard in zip(pipes.fds, STANDARD_FDS, strict=True):
        os.dup2(fd, standard)
        os.close(fd)
    child.main()
