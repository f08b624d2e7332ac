"""Components for lessons about failure: replicas that tell who they are, and what becomes of calls meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from weaverlab import Component, Implements, Interface, Main, Ref, WithRouter, not_retriable
from weaverlab.deployers.health import HUNG_S


class Desk(Interface):
    """Says who answers."""

    def who(self) -> str: ...
    def who_keeps(self, key: str) -> str: ...
    def wait(self, gate: str) -> str: ...
    @not_retriable
    def count(self) -> int: ...


class ByKey:
    def who_keeps(self, key: str) -> str:
        return key


class Clerk(Implements[Desk], WithRouter[ByKey], Desk):
    def init(self) -> None:
        self.counted = 0

    def who(self) -> str:
        return self.weaver.replica

    def who_keeps(self, key: str) -> str:
        return self.weaver.replica

    def wait(self, gate: str) -> str:
        """Block until somebody writes to the FIFO `gate`."""
        print("waits", flush=True)
        with open(gate) as pipe:
            pipe.read()
        return self.weaver.replica

    @not_retriable
    def count(self) -> int:
        self.counted += 1
        return self.counted


class Office(Component):
    """Calls the desk from another process."""

    desk: Ref[Desk]

    def who(self) -> str:
        return self.desk.who()

    def who_keeps(self, key: str) -> str:
        return self.desk.who_keeps(key)


class Choosy(Component):
    """Fails in every replica but the first."""

    def init(self) -> None:
        if self.weaver.replica != "Choosy/0":
            raise ValueError("no room for a second one")

    def ping(self) -> str:
        return "pong"


class HangsInSecond(Component):
    """Its init hangs in every replica but the first."""

    def init(self) -> None:
        if self.weaver.replica != "HangsInSecond/0":
            print("hangs", flush=True)
            threading.Event().wait()


class TakesItsTime(Component):
    """Calls another, and shuts down slowly."""

    polite: Ref[SaysGoodbye]

    def shutdown(self) -> None:
        time.sleep(HUNG_S + 1.0)  # longer than silence may last


class SaysGoodbye(Component):
    def shutdown(self) -> None:
        print("goodbye", flush=True)


class Parent(Component):
    """Starts a process of its own."""

    def start_child(self) -> int:
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid

    def fork_child(self) -> int:
        """Start one that holds all that this process holds."""
        if (pid := os.fork()) == 0:
            threading.Event().wait()
        return pid


class Loop(Main):
    """A body that runs until it is told to end by a file."""

    def main(self) -> None:
        print(f"main runs in {os.getpid()}", flush=True)
        threading.Event().wait()


class Once(Main):
    def main(self) -> None:
        print("main has run", flush=True)
