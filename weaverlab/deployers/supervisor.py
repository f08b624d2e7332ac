"""Watches the weavelets of one deployment: takes in their events and output, restarts those that die.

One thread waits for all pipes and processes at once. It alone changes replicas; others read them, or wait for
a condition on them, under `_changed`. A weavelet that dies is started again in its place, at its address, after
a capped backoff; one that keeps dying fails the deployment, with its last traceback.
"""

from __future__ import annotations

import base64
import contextlib
import os
import pickle
import selectors
import threading
from collections.abc import Callable, Iterable
from typing import Any

from weaverlab.clock import Clock, Rng
from weaverlab.deployers.backend import Progress
from weaverlab.deployers.output import Output
from weaverlab.deployers.processes import WeaveletProcess
from weaverlab.deployers.replica import READ_BYTES, Replica
from weaverlab.errors import DeployError
from weaverlab.routing import Backoff
from weaverlab.runtime import failures
from weaverlab.runtime.events import parse_event
from weaverlab.runtime.placement import Placement

STABLE_S = 10.0  # a replica that has been ready this long starts with a clean record when it dies
RESTART_BACKOFF = Backoff(first_s=0.05, cap_s=5.0)

Start = Callable[[Placement], WeaveletProcess]


class Supervisor:
    """Keeps `replicas` running until told otherwise. `start` starts a process and sends it its bootstrap."""

    def __init__(
        self,
        placements: Iterable[Placement],
        start: Start,
        restarts_max: int,
        output: Output,
        clock: Clock,
        rng: Rng,
        irreplaceable: str | None,
        on_failure: Callable[[DeployError], None],
    ) -> None:
        """`irreplaceable` is a component whose state dies with its process, so restarting it would lie."""
        self.replicas = {placement.replica: Replica(placement) for placement in placements}
        self.failure: DeployError | None = None
        self._start = start
        self._restarts_max = restarts_max
        self._output = output
        self._clock = clock
        self._rng = rng
        self._irreplaceable = irreplaceable
        self._on_failure = on_failure
        self._changed = threading.Condition()  # guards every replica, `failure` and the fields below
        self._was_ready = False
        self._is_stopping = False
        self._is_closing = False
        self._main_ended = False
        self._main_error: BaseException | None = None
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = os.pipe()
        self._selector.register(self._wake_r, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="weaverlab-supervisor", daemon=True)

    def start(self) -> None:
        """Start every weavelet; returns before they are ready. Raises what starting a process raises."""
        for replica in self.replicas.values():
            self._launch(replica)
        self._thread.start()

    def wait_ready(self, timeout_s: float, progress: Progress) -> None:
        """Wait until every replica is ready; `progress` is called whenever that may have changed.

        Raises:
            DeployError: one of them failed, or `timeout_s` went by; names the replicas that are not ready.
        """

        def is_over() -> bool:
            ready = sum(replica.state == "ready" for replica in self.replicas.values())
            progress(ready, len(self.replicas))
            return self.failure is not None or ready == len(self.replicas)

        with self._changed:
            ready = self._changed.wait_for(is_over, timeout_s)
            if self.failure is not None:
                raise self.failure
            if not ready:
                late = ", ".join(replica.id for replica in self.replicas.values() if replica.state != "ready")
                raise DeployError(
                    f"not ready after {timeout_s:g} s: {late}. Their init() still runs, or waits for something.\n"
                    "Let init() return and do long work in a thread or a method."
                )
            self._was_ready = True

    def wait_main(self) -> None:
        """Wait until the body of Main has ended; raise what it raised, or why the deployment failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._main_ended or self.failure is not None or self._is_stopping)
            if self._main_error is not None:
                raise self._main_error
            if self.failure is not None and not self._main_ended:
                raise self.failure

    def expect_stop(self) -> None:
        """From now on a weavelet that ends is not started again."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()

    def wait_stopped(self, replicas: Iterable[str], timeout_s: float) -> bool:
        """Return whether the processes of `replicas` have all ended within `timeout_s`."""
        wanted = [self.replicas[replica] for replica in replicas]
        with self._changed:
            return self._changed.wait_for(lambda: all(r.state in ("stopped", "dead") for r in wanted), timeout_s)

    def kill(self, replicas: Iterable[str]) -> None:
        """Kill the processes of `replicas` that still run."""
        with self._changed:
            for replica in (self.replicas[name] for name in replicas):
                if replica.process is not None and replica.state in ("starting", "ready"):
                    replica.process.kill()

    def close(self) -> None:
        """End the watching thread; every process must have been stopped."""
        with self._changed:
            self._is_closing = True
        os.write(self._wake_w, b"x")
        if self._thread.ident is not None:
            self._thread.join()
        for fd in (self._wake_r, self._wake_w):
            os.close(fd)
        self._selector.close()

    def _launch(self, replica: Replica) -> None:
        replica.remove_socket()
        process = self._start(replica.placement)
        with self._changed:
            replica.began(process)
        for fd, react in (
            (process.events_fd, self._read_events),
            (process.output_fd, self._read_output),
            (process.sentinel, self._died),
        ):
            self._selector.register(fd, selectors.EVENT_READ, (react, replica))

    def _run(self) -> None:
        while not self._is_closing:
            for key, _ in self._selector.select(self._next_restart_in_s()):
                if key.data is not None:
                    react, replica = key.data
                    react(replica)
            self._restart_due()

    def _read_events(self, replica: Replica) -> None:
        assert replica.process is not None
        for line in replica.event_lines.feed(self._read(replica.process.events_fd)):
            event = parse_event(line)
            if event is None:
                self._printed(replica, line)
            else:
                self._take(replica, event)

    def _read_output(self, replica: Replica) -> None:
        assert replica.process is not None
        for line in replica.output_lines.feed(self._read(replica.process.output_fd)):
            self._printed(replica, line)

    def _printed(self, replica: Replica, line: bytes) -> None:
        text = line.decode(errors="replace")
        replica.last_lines.append(text)
        self._output.printed(self._clock.wall_s(), replica.id, text)

    def _read(self, fd: int) -> bytes:
        """Return what has arrived on `fd`; at its end, stop watching it."""
        data = os.read(fd, READ_BYTES)
        if not data:
            self._selector.unregister(fd)
        return data

    def _take(self, replica: Replica, event: dict[str, Any]) -> None:
        """Take in one event of a weavelet (see `runtime.events`)."""
        kind = event.pop("event")
        if kind == "log":
            self._output.log(event)
            return
        with self._changed:
            if kind == "ready":
                replica.state, replica.ready_at_s = "ready", self._clock.now_s()
                replica.listeners = event["listeners"]
            elif kind == "failed":
                replica.failure = event["traceback"]
            elif kind == "main_failed":
                self._main_ended = True
                self._main_error = failures.unpack(pickle.loads(base64.b64decode(event["error"])))
            elif kind == "main_done":
                self._main_ended = True
            self._changed.notify_all()
        if kind == "ready" and replica.restarts:
            self._note(replica, f"is ready again after {replica.restarts} restart(s)")

    def _died(self, replica: Replica) -> None:
        """Take in the end of a process: its last words first, then decide what to do about it."""
        assert replica.process is not None
        process = replica.process
        self._selector.unregister(process.sentinel)
        self._read_rest(process.events_fd, self._read_events, replica)
        self._read_rest(process.output_fd, self._read_output, replica)
        process.wait(timeout_s=1.0)
        how = process.death()
        process.close()
        with self._changed:
            replica.process = None
            replica.state = "stopped" if self._is_stopping else "dead"
            verdict = None if self._is_stopping else self._verdict(replica, how)
            self._changed.notify_all()
        if verdict is not None:
            if self._was_ready:  # nobody waits for the deployment any more: say it where its output goes
                self._note(replica, verdict, "ERROR")
            self._fail(DeployError(verdict))
        elif replica.restart_at_s is not None:
            pause_s = replica.restart_at_s - self._clock.now_s()
            self._note(replica, f"{how}; it is started again in {pause_s:.2f} s")

    def _read_rest(self, fd: int, read: Callable[[Replica], None], replica: Replica) -> None:
        """Read what a dead process left in a pipe. A process that it started may hold the pipe open: do not wait."""
        os.set_blocking(fd, False)
        with contextlib.suppress(BlockingIOError):
            while fd in self._selector.get_map():
                read(replica)
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def _verdict(self, replica: Replica, how: str) -> str | None:
        """Return why the deployment must fail because of this death, or None when the replica is to be restarted."""
        who = f"{replica.id} ({', '.join(replica.placement.hosted)}) {how}"
        reason = replica.failure or "\n".join(["Its last lines:", *replica.last_lines])
        if not self._was_ready:
            return f"{who} before it was ready.\n{reason}"
        if self._irreplaceable in replica.placement.hosted:
            return f"{who}: the data of the embedded stores is lost. Deploy again to start with empty ones.\n{reason}"
        now_s = self._clock.now_s()
        was_stable = replica.ready_at_s and now_s - replica.ready_at_s >= STABLE_S
        replica.failures_in_a_row = 1 if was_stable else replica.failures_in_a_row + 1
        if replica.failures_in_a_row > self._restarts_max:
            return (
                f"{who}; that was {replica.failures_in_a_row} times in a row, and restarts_max = {self._restarts_max}."
                f"\n{reason}"
            )
        replica.ready_at_s = 0.0
        replica.restart_at_s = now_s + RESTART_BACKOFF.pause_s(replica.failures_in_a_row, self._rng)
        return None

    def _next_restart_in_s(self) -> float | None:
        due = [replica.restart_at_s for replica in self.replicas.values() if replica.restart_at_s is not None]
        return max(0.0, min(due) - self._clock.now_s()) if due else None

    def _restart_due(self) -> None:
        for replica in self.replicas.values():
            if replica.restart_at_s is None or replica.restart_at_s > self._clock.now_s():
                continue
            replica.restart_at_s = None
            if not self._is_stopping and self.failure is None:
                replica.restarts += 1
                replica.keep_addresses()
                self._launch(replica)

    def _fail(self, error: DeployError) -> None:
        """Give up: everything is killed, and whoever waits learns why."""
        with self._changed:
            if self.failure is None:
                self.failure = error
            self._is_stopping = True
            self._changed.notify_all()
        self.kill(self.replicas)
        self._on_failure(error)

    def _note(self, replica: Replica, message: str, level: str = "WARNING") -> None:
        component = replica.placement.hosted[0]
        self._output.log(
            {
                "wall_s": self._clock.wall_s(),
                "level": level,
                "component": component,
                "replica": replica.id,
                "message": message,
            }
        )
