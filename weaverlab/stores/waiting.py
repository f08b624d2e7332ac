"""How one barrier waits: for branches first, then for all stores at once, each by its native wait.

Whatever waits here, or for a store, does so in slices of a second at most. So a barrier whose caller has left ends
soon: between two slices a blocking method gets its `Cancelled`, and the thread of an async barrier sees that its task
was cancelled (`blocking.check_wanted`). What to wait for, and what to say of it, is decided in `antipode.barrier`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from weaverlab.antipode import Dependency, Lineage, branches
from weaverlab.stores.blocking import check_wanted, context_until
from weaverlab.stores.datastore import Waiter
from weaverlab.stores.host import Host

if TYPE_CHECKING:
    from concurrent.futures import Future

SLICE_S = 1.0


class Waiting:
    """One barrier's wait, until `ends_s`. If that has come, everything is looked at once."""

    def __init__(self, host: Host, ends_s: float) -> None:
        self._host = host
        self._ends_s = ends_s

    def branches(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Wait until the branches that the request depends on have ended, and depend on what they wrote instead.

        Returns those that still run in the end, and those of which nobody knows any more.
        """
        ended: dict[str, Lineage | None] = {}
        running: tuple[str, ...] = ()
        while wanted := branches.waited_for():
            slice_s = self._slice_s()
            ended.update(self._host.branches(wanted, slice_s))
            branches.settle(ended)  # they may depend on others, and on each other
            running = tuple(one for one in wanted if one not in ended)
            if running and slice_s == 0:
                break
        return running, tuple(branch for branch, lineage in ended.items() if lineage is None)

    def positions(
        self, by_waiter: Mapping[Waiter, list[Dependency]], needs_equality: bool = False
    ) -> dict[Dependency, int]:
        """Wait until every log has come as far as its dependency; return how far each has come.

        With `needs_equality`, a fault, a log that has gone further is waited for until the end: it never comes back.
        """
        reached = wait_for_all(by_waiter, max(0.0, self._ends_s - self._host.clock.now_s()))
        if needs_equality and any(position > one.version for one, position in reached.items()):
            while slice_s := self._slice_s():
                self._host.clock.sleep(slice_s)
        return reached

    def _slice_s(self) -> float:
        """Return how long to wait next, 0 when the time is over. Raises Cancelled when nobody wants the result."""
        check_wanted()
        return max(0.0, min(SLICE_S, self._ends_s - self._host.clock.now_s()))


def wait_for_all(by_waiter: Mapping[Waiter, list[Dependency]], timeout_s: float) -> dict[Dependency, int]:
    """Ask every waiter at the same time; return the positions that all of them reached.

    When one raises, or nobody wants the result any more, the others end with their slice.
    """
    if len(by_waiter) <= 1:
        return {one: at for waiter, wanted in by_waiter.items() for one, at in waiter.wait(wanted, timeout_s).items()}
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    is_unwanted = threading.Event()
    positions: dict[Dependency, int] = {}
    with ThreadPoolExecutor(len(by_waiter)) as pool:
        try:
            pending: set[Future[Mapping[Dependency, int]]] = {
                pool.submit(context_until(is_unwanted).run, waiter.wait, wanted, timeout_s)
                for waiter, wanted in by_waiter.items()
            }
            while pending:
                check_wanted()
                done, pending = wait(pending, SLICE_S, FIRST_EXCEPTION)
                for future in done:
                    positions.update(future.result())
        finally:
            is_unwanted.set()
    return positions
