"""Branches of other processes: every weavelet answers for those that run in its own, and asks the others for theirs.

A branch's name says which weavelet it can be asked for at. Not in here: what a branch is (`branches`), and the registry
of those of this process (`stores.branches`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from weaverlab.antipode import Lineage
from weaverlab.clock import SystemClock
from weaverlab.component import Component
from weaverlab.errors import CallLost, DeadlineExceeded, Unreachable
from weaverlab.runtime.context import timeout
from weaverlab.stores.branches import here, home_of

MAX_WAIT_S = 10.0  # of one call: well under the default deadline of a call; who wants more asks again
ANSWER_S = 1.0  # for a weavelet to answer when it does not have to wait


class BranchHost(Component):
    """Answers for the branches of its process. Every weavelet hosts one."""

    def wait(self, branches: tuple[str, ...], timeout_s: float) -> dict[str, Lineage | None]:
        """As `Branches.wait`, but no longer than MAX_WAIT_S."""
        return dict(here.wait(branches, min(timeout_s, MAX_WAIT_S)))


class BranchWaiter:
    """Waits for branches wherever they run. `host_of` returns a handle, None for a weavelet that there is not."""

    def __init__(self, host_of: Callable[[str], BranchHost | None]) -> None:
        self._host_of = host_of

    def wait(self, branches: Collection[str], timeout_s: float) -> Mapping[str, Lineage | None]:
        """As `Branches.wait`. They run at the same time, so one process is asked after the other."""
        ends_s = SystemClock.now_s() + timeout_s
        by_home: dict[str, list[str]] = {}
        for branch in branches:
            by_home.setdefault(home_of(branch), []).append(branch)
        ended: dict[str, Lineage | None] = {}
        for home, ones in by_home.items():
            is_here = home in ("", here.home)
            ended.update(here.wait(ones, ends_s - SystemClock.now_s()) if is_here else self._ask(home, ones, ends_s))
        return ended

    def _ask(self, home: str, branches: list[str], ends_s: float) -> Mapping[str, Lineage | None]:
        host = self._host_of(home)
        if host is None:
            return dict.fromkeys(branches)  # it has been scaled away, or was of another deployment
        while True:
            left_s = min(MAX_WAIT_S, max(0.0, ends_s - SystemClock.now_s()))
            ended: Mapping[str, Lineage | None] = {}
            try:
                with timeout(left_s + ANSWER_S):
                    ended = host.wait(tuple(branches), left_s)
            except (DeadlineExceeded, CallLost, Unreachable):
                pass  # it may be cut off, and the branches run; if it is started again, it knows nothing of them
            if len(ended) == len(branches) or SystemClock.now_s() >= ends_s:
                return ended
