"""All replicas of one deployment: what is known of them and of the body of Main, and who waits for a change of that.

The supervisor's thread and the threads of whoever uses the deployment share it, under the lock `changed`. Not in here:
how processes are started, and what is done when one has ended (see `supervisor`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Collection, Iterable, Iterator

from weaverlab.deployers.backend import Progress
from weaverlab.deployers.replica import Replica
from weaverlab.errors import DeployError, StoppedError, WeaverError, nearest
from weaverlab.runtime.placement import Placement


class Replicas:
    """Replicas by id, in the order in which they were asked for."""

    def __init__(self, placements: Iterable[Placement], on_change: Callable[[], None]) -> None:
        """`on_change` is called, without the lock, whenever it may have changed who can be called."""
        self.changed = threading.Condition()  # guards every replica, and the fields below
        self.failure: DeployError | None = None
        self.was_ready = False
        self.is_stopping = False
        self._main_error: BaseException | None = None
        self._main_ended = False
        self._main_begun = False
        self._by_id = {placement.replica: Replica(placement, is_member=True) for placement in placements}
        self.on_change = on_change

    def __iter__(self) -> Iterator[Replica]:
        """Go through all that there are now; those that come or go meanwhile do not matter."""
        return iter(self._by_id.values())

    def __contains__(self, replica_id: object) -> bool:
        return replica_id in self._by_id

    def __getitem__(self, replica_id: str) -> Replica:
        """Return the replica of this id. Raises WeaverError when there is none."""
        if replica_id not in self._by_id:
            raise WeaverError(
                f"no replica {replica_id!r} in this deployment.{nearest(str(replica_id), self._by_id)} "
                f"It has: {', '.join(self._by_id)}."
            )
        return self._by_id[replica_id]

    # Which there are

    def add(self, placements: Iterable[Placement]) -> list[Replica]:
        """Take in replicas that are to be started; calls are routed to them only when `join` says so."""
        newcomers = [Replica(placement, is_member=False) for placement in placements]
        with self.changed:
            if self.is_stopping:
                raise StoppedError("this deployment is being stopped.")
            self._by_id = self._by_id | {replica.id: replica for replica in newcomers}
        return newcomers

    def join(self, replicas: Iterable[str]) -> None:
        """Route calls to these as well, from now on."""
        with self.changed:
            for name in replicas:
                self[name].is_member = True
        self.on_change()

    def leave(self, replicas: Iterable[str]) -> None:
        """Route no more calls to these, and do not start them again when they end."""
        with self.changed:
            for name in replicas:
                self[name].is_member = False
                self[name].is_leaving = True
        self.on_change()

    def forget(self, replicas: Collection[str]) -> None:
        """Remove replicas that have ended for good."""
        with self.changed:
            self._by_id = {name: replica for name, replica in self._by_id.items() if name not in replicas}

    # What becomes of them

    def wait_ready(self, wanted: Collection[str], timeout_s: float, progress: Progress) -> None:
        """Wait until these replicas are ready; `progress` is called whenever that may have changed.

        Raises:
            DeployError: one of them failed, or `timeout_s` went by; names the replicas that are not ready.
            StoppedError: the deployment is stopped meanwhile.
        """
        replicas = [self[name] for name in wanted]

        def late() -> list[Replica]:
            return [replica for replica in replicas if not replica.is_ready]

        def is_over() -> bool:
            progress(len(replicas) - len(late()), len(replicas))
            is_lost = any(replica.is_leaving for replica in replicas)
            return self.failure is not None or self.is_stopping or is_lost or not late()

        with self.changed:
            self.changed.wait_for(is_over, timeout_s)
            if self.failure is not None:
                raise self.failure
            if self.is_stopping:
                raise StoppedError("this deployment is being stopped.")
            for replica in replicas:
                if replica.is_leaving:
                    raise DeployError(replica.obituary(" before it was ready"))
            if late():
                names = ", ".join(replica.id for replica in late())
                raise DeployError(
                    f"not ready after {timeout_s:g} s: {names}. Their init() still runs, or waits for something.\n"
                    "Let init() return and do long work in a thread or a method."
                )
            self.was_ready = True

    def expect_stop(self) -> None:
        """From now on a weavelet that ends is not started again."""
        with self.changed:
            self.is_stopping = True
            self.changed.notify_all()

    def wait_stopped(self, replicas: Iterable[str], timeout_s: float) -> list[str]:
        """Wait until the processes of `replicas` have ended; return those that still run after `timeout_s`."""

        def running() -> list[str]:
            return [replica for replica in replicas if self[replica].process is not None]

        with self.changed:
            self.changed.wait_for(lambda: not running(), timeout_s)
            return running()

    def fail(self, error: DeployError) -> None:
        """Let whoever waits learn that the deployment has failed, and why: the first reason counts."""
        with self.changed:
            self.failure = self.failure or error
            self.is_stopping = True
            self.changed.notify_all()

    # The body of Main

    @property
    def main_runs(self) -> bool:
        return self._main_begun and not self._main_ended

    def begin_main(self) -> bool:
        """Take note that the body of Main is to run, again when its weavelet dies; return whether that is news."""
        with self.changed:
            was_begun, self._main_begun = self._main_begun, True
            return not was_begun

    def take_back_main(self) -> None:
        """Take note that the body of Main could not be begun."""
        with self.changed:
            self._main_begun = False

    def end_main(self, error: BaseException | None) -> None:
        """Take note that the body of Main has ended, and what it raised."""
        with self.changed:
            self._main_ended, self._main_error = True, error
            self.changed.notify_all()

    def wait_main(self) -> None:
        """Wait until the body of Main has ended; raise what it raised, or why the deployment failed."""
        with self.changed:
            self.changed.wait_for(lambda: self._main_ended or self.failure is not None or self.is_stopping)
            if self._main_error is not None:
                raise self._main_error
            if self.failure is not None and not self._main_ended:
                raise self.failure

    # Signals

    def kill(self, replicas: Iterable[str], because: str = "") -> None:
        """Kill the processes of `replicas` that still run."""
        with self.changed:
            for replica in [self[name] for name in replicas]:
                if replica.process is not None:
                    replica.killed_because = because or replica.killed_because
                    replica.process.send_signal(signal.SIGKILL)

    def kill_all(self) -> None:
        """Kill every process that still runs."""
        self.kill([replica.id for replica in self])

    def kill_running(self, replica_id: str, because: str) -> None:
        """Kill the process of a replica. Raises WeaverError when it has none."""
        with self.changed:
            self.kill([self._running(replica_id).id], because)

    def pause(self, replica_id: str) -> None:
        """Stop a process in its tracks; calls go to other replicas. Raises WeaverError when there is none."""
        with self.changed:
            replica = self._running(replica_id)
            replica.is_paused = True
        self.on_change()  # first, so that few calls get stuck in it
        with self.changed:
            if replica.is_paused and replica.process is not None:  # another one may have come meanwhile
                replica.process.send_signal(signal.SIGSTOP)

    def resume(self, replica_id: str) -> None:
        """Let a paused process go on; harmless for one that runs. Raises WeaverError when there is none."""
        with self.changed:
            replica = self._running(replica_id)
            assert replica.process is not None
            replica.process.send_signal(signal.SIGCONT)
            replica.is_paused, replica.silent_ticks = False, 0
        self.on_change()

    def _running(self, replica_id: str) -> Replica:
        replica = self[replica_id]
        if replica.process is None:
            how = replica.last_death.partition("\n")[0]
            raise WeaverError(f"{replica_id} does not run now: it {how or 'has not been started yet'}. Try again soon.")
        return replica
