"""Which branches of this process run, and what those that have ended wrote: what barriers ask about them.

One registry for the process, whatever weavelets it hosts, as branches are begun by functions that know of none. A
branch is called `refund#3f2a9c01@TrainTicket/0`: what it executes, an id, and the weavelet where it can be asked for.
Not in here: running branches (`runtime.branches`), and asking other processes (`runtime.branch_host`).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

from weaverlab.antipode import Lineage
from weaverlab.clock import SystemClock, unique_id

ENDED_MAX = 10_000  # some megabytes; what has ended longer ago has most likely been replicated, too
NAME_CHARS_MAX = 24


class Branches:
    """The branches of one process. `home` is the weavelet that other processes find it by, if it can be found."""

    def __init__(self) -> None:
        self.home = ""
        self._changed = threading.Condition()  # guards everything below
        self._running: set[str] = set()
        self._ended: dict[str, Lineage] = {}  # oldest first

    def begin(self, name: str) -> str:
        """Take note of a new branch that executes `name`; return what it is called."""
        branch = f"{name[:NAME_CHARS_MAX]}#{unique_id()}@{self.home}"
        with self._changed:
            self._running.add(branch)
        return branch

    def end(self, branch: str, lineage: Lineage) -> None:
        """Take note that a branch has ended, and wake who waits for that."""
        with self._changed:
            self._running.discard(branch)
            self._ended[branch] = lineage
            if len(self._ended) > ENDED_MAX:
                del self._ended[next(iter(self._ended))]
            self._changed.notify_all()

    def wait(self, branches: Collection[str], timeout_s: float) -> Mapping[str, Lineage | None]:
        """Wait until all have ended, at most `timeout_s`; return what each that has ended depends on.

        None stands for a branch that is not known here: its process has ended, or it has itself, long ago.
        """
        ends_s = SystemClock.now_s() + timeout_s
        with self._changed:
            while not self._running.isdisjoint(branches) and (left_s := ends_s - SystemClock.now_s()) > 0:
                self._changed.wait(left_s)
            return {branch: self._ended.get(branch) for branch in branches if branch not in self._running}

    def wait_idle(self, timeout_s: float) -> None:
        """Wait until no branch runs, at most `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout_s)


def home_of(branch: str) -> str:
    """Return the weavelet by which the process of `branch` is found."""
    return branch.rpartition("@")[2]


here = Branches()
