"""How a process that `multiprocess` started becomes a weavelet: it gets its three pipes, then runs `child.main`.

In the runtime and not beside the code that starts processes, so that a new weavelet imports no deployer. The fork
server imports it too, and leaves nothing behind when it ends, which is after its deployer and all weavelets.
"""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Sequence
from typing import Any, NoReturn

import dill  # noqa: F401 - as long as modules are searched for in places of our choice (see `child`)
from multiprocess import forkserver, reduction

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


def clean_up_at_exit() -> None:
    """In a fork server: remove, when it ends, what a deployer leaves that was killed and could not do so itself."""
    atexit.register(_clean_up, os.getpid())


def _clean_up(server_pid: int) -> None:
    """Remove the socket of the fork server, its directory, and what the registry finds to belong to nobody."""
    if os.getpid() != server_pid:
        return  # one of its children
    from weaverlab import registry

    address = forkserver._forkserver._forkserver_address
    for remove, path in ((os.unlink, address), (os.rmdir, os.path.dirname(address))):
        with contextlib.suppress(OSError):  # the deployer has ended in order
            remove(path)
    registry.clean()
