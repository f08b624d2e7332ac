"""Components that do what a weavelet must survive: hang, flood, close what is not theirs, start processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading

import weaverlab as weaver
from weaverlab import Component, Listener, Main, Ref, not_retriable


class HangsInShutdown(Component):
    def pid(self) -> int:
        return os.getpid()

    def shutdown(self) -> None:
        threading.Event().wait()


class Interrupted(Component):
    """As if Ctrl-C were pressed again while it shuts down."""

    def shutdown(self) -> None:
        raise KeyboardInterrupt


class ExitsInShutdown(Component):
    def shutdown(self) -> None:
        sys.exit("not now")


class ExitsInAsyncInit(Component):
    async def init(self) -> None:
        await asyncio.sleep(0)
        sys.exit("enough")


class BusyInit(Component):
    """Its init needs a thread of the loop's executor, while many are waiting for it."""

    async def init(self) -> None:
        await asyncio.sleep(0.1)  # until the calls have come
        await asyncio.to_thread(os.getpid)

    async def ping(self) -> str:
        return "pong"


class Impatient(Component):
    """Calls all replicas of its ref before they are ready, more often than the executor has threads."""

    busy: Ref[BusyInit]

    async def pings(self) -> int:
        return len(await asyncio.gather(*(self.busy.ping() for _ in range(200))))


class LeavesProcesses(Component):
    @not_retriable
    def die_while_another_writes(self) -> None:
        """End with a process left that goes on writing to the same output."""
        subprocess.Popen(["sh", "-c", "while :; do echo more; done"])
        os.kill(os.getpid(), signal.SIGKILL)

    def cat(self) -> bytes:
        """Return what a process reads that inherits standard input."""
        return subprocess.run(["cat"], stdout=subprocess.PIPE, check=True).stdout


class ClosesStandardOutput(Component):
    def init(self) -> None:
        threading.Thread(target=threading.Event().wait).start()  # not a daemon: it would keep the process
        sys.stdout.close()


class Chatty(Component):
    def log(self, length: int) -> None:
        self.logger.info("x" * length)


class Nesting(Component):
    def deploy(self) -> int:
        """Return the process in which a deployment of our own runs."""
        with weaver.deploy(LeavesProcesses) as app:
            return app.replicas()[0].pid


class Web(Component):
    web: Listener


class LongError(Main):
    def main(self) -> None:
        raise ValueError("x" * 300_000)


class Stubborn(Exception):
    """Can be pickled and unpickled where it was raised, and nowhere else."""

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickled, (os.getpid(),)


def _unpickled(pid: int) -> Stubborn:
    if pid != os.getpid():
        raise ImportError("only known there")
    return Stubborn()


class StubbornError(Main):
    def main(self) -> None:
        raise Stubborn


class ExitsOddly(Main):
    def main(self) -> None:
        raise SystemExit([threading.Lock()])


class WaitsForEver(Main):
    """An async body that needs its ref to clean up."""

    polite: Ref[HelpsToCleanUp]

    async def main(self) -> None:
        print("main runs", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            self.polite.clean()


class HelpsToCleanUp(Component):
    def clean(self) -> None:
        print("cleaned", flush=True)

    def shutdown(self) -> None:
        print("shut down", flush=True)
