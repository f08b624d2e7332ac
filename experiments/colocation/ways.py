"""The ways to run the shop, each as something that has an address, processes to charge, and an end.

colocated    all components in one process: calls are Python calls
split        every component in a process of its own, joined by WeaverLab's data plane
lean http    every component in a process of its own, joined by JSON over the leanest HTTP (`http_service.py`)
http         the same over the HTTP that Python comes with
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import http_service
from frontend import Frontend
from http_service import SHOP

import weaverlab as weaver
from weaverlab.errors import WeaverError

END_TIMEOUT_S = 5.0
BACKLOG = 128
SERVICE = Path(http_service.__file__)


@dataclass(frozen=True)
class Shop:
    """A shop that is open: `address` is host:port of its frontend, `pids` are all of its processes."""

    address: str
    pids: Sequence[int]

    def cpu_s(self) -> float:
        """Return the processor time that all its processes have used, in the kernel too."""
        return sum(map(process_cpu_s, self.pids))


def process_cpu_s(pid: int) -> float:
    """Return the seconds, user and system, that all threads of a process have used; see proc(5), stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def deployed(colocate: Sequence[Sequence[str]]) -> Iterator[Shop]:
    """Open a shop whose components are joined by WeaverLab, those of one group in one process."""
    with weaver.deploy(Frontend, colocate=colocate, show=lambda entry: None) as app:
        pids = {replica.pid for name in SHOP.components for replica in app.replicas(name)}
        yield Shop(str(app.listener("web")), sorted(pids))


@contextlib.contextmanager
def services(stack: str) -> Iterator[Shop]:
    """Open a shop whose components are HTTP services."""
    with contextlib.ExitStack() as opened:
        listeners = {
            name: opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=BACKLOG))
            for name in SHOP.components
        }
        addresses = {name: "{}:{}".format(*listener.getsockname()) for name, listener in listeners.items()}
        processes: dict[str, subprocess.Popen[str]] = {}
        opened.callback(end, processes.values())
        for name, listener in listeners.items():
            processes[name] = start(stack, name, listener, addresses)
            listener.close()  # it is the service's alone
        for name, process in processes.items():
            wait_ready(name, process)
        yield Shop(addresses[Frontend.__name__], [process.pid for process in processes.values()])


WAYS: dict[str, Callable[[], AbstractContextManager[Shop]]] = {
    "colocated": lambda: deployed([list(SHOP.components)]),
    "split": lambda: deployed([]),
    "lean http": lambda: services("lean"),
    "http": lambda: services("standard"),
}


def start(stack: str, name: str, listener: socket.socket, addresses: dict[str, str]) -> subprocess.Popen[str]:
    """Start one service on `listener`; it is ready when `wait_ready` returns."""
    descriptor = listener.fileno()
    return subprocess.Popen(
        [sys.executable, str(SERVICE), stack, name, str(descriptor), json.dumps(addresses)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[descriptor],
        start_new_session=True,  # so that Ctrl-C reaches us alone, and we end it
    )


def wait_ready(name: str, process: subprocess.Popen[str]) -> None:
    """Wait until a service says that it serves; WeaverError if it ends instead."""
    assert process.stdout is not None
    if not process.stdout.readline():
        code = process.wait(END_TIMEOUT_S)
        raise WeaverError(f"service {name} ended with exit code {code} before it served (its error is above).")


def end(processes: Collection[subprocess.Popen[str]]) -> None:
    """Let services finish what they do, all at once, and end those that take too long."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    for process in processes:
        with process:  # which closes its pipes, too
            try:
                process.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
