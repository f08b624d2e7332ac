"""Watches the weavelets of one deployment: starts them, takes in their events and output, restarts those that die.

One thread starts all processes and waits for all their pipes at once. It alone changes replicas; others read them,
or wait for a condition on them, under `_changed`. A weavelet that dies is started again in its place, at its address,
after a capped backoff; one that keeps dying fails the deployment, with its last traceback. So does an exception on
the thread itself, which then goes on until every process has ended.
"""

from __future__ import annotations

import base64
import contextlib
import os
import pickle
import selectors
import signal
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from weaverlab.clock import Clock, Rng
from weaverlab.deployers.backend import Progress
from weaverlab.deployers.engine import Engine
from weaverlab.deployers.output import Output
from weaverlab.deployers.replica import READ_BYTES, Replica, death
from weaverlab.errors import DeployError
from weaverlab.routing import Backoff
from weaverlab.runtime import failures
from weaverlab.runtime.events import parse_event
from weaverlab.runtime.placement import Bootstrap, Placement, bootstrap_bytes

STABLE_S = 10.0  # a replica that has been ready this long starts with a clean record when it dies
RESTART_BACKOFF = Backoff(first_s=0.05, cap_s=5.0)
TICK_S = 0.5  # between looks at what no pipe tells
REAP_TIMEOUT_S = 1.0  # from a process's last sign of life to its exit code
CLOSE_TIMEOUT_S = 10.0  # killed processes end at once, but for one that hangs in the kernel
REST_READS_MAX = 4  # of a dead process's pipe: one empties it (64 KiB), one sees its end


class Supervisor:
    """Keeps `replicas` running until told otherwise."""

    def __init__(
        self,
        placements: Iterable[Placement],
        engine: Engine,
        bootstrap: Callable[[Placement], Bootstrap],
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
        self._engine = engine
        self._bootstrap = bootstrap
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
        """Begin to start every weavelet."""
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

    def wait_stopped(self, replicas: Iterable[str], timeout_s: float) -> list[str]:
        """Wait until the processes of `replicas` have ended; return those that still run after `timeout_s`."""

        def running() -> list[str]:
            return [replica for replica in replicas if self.replicas[replica].process is not None]

        with self._changed:
            self._changed.wait_for(lambda: not running(), timeout_s)
            return running()

    def kill(self, replicas: Iterable[str]) -> None:
        """Kill the processes of `replicas` that still run."""
        with self._changed:
            for replica in (self.replicas[name] for name in replicas):
                if replica.process is not None:
                    replica.process.send_signal(signal.SIGKILL)

    def note(self, replica: Replica, message: str, level: str = "WARNING") -> None:
        """Log what happened to `replica`."""
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

    def close(self) -> None:
        """Kill what still runs, and end the thread when every process has ended."""
        with self._changed:
            self._is_stopping = self._is_closing = True
        self.kill(self.replicas)
        os.write(self._wake_w, b"x")
        if self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
            if self._thread.is_alive():
                return  # it still needs what would be closed here; as a daemon it keeps nobody from ending
        for fd in (self._wake_r, self._wake_w):
            os.close(fd)
        self._selector.close()

    def _launch(self, replica: Replica) -> None:
        """Start the process of `replica`, unless everything is being stopped."""
        if self._is_stopping:
            return
        replica.remove_socket()
        try:
            process = self._engine.start(replica.id)
        except Exception as error:
            self._fail(DeployError(f"cannot start {replica.id}: {type(error).__name__}: {error}"))
            return
        with self._changed:
            replica.began(process)
            if self._is_stopping:  # whoever asked for it could not know of this process
                process.send_signal(signal.SIGKILL)
        replica.unsent = memoryview(bootstrap_bytes(self._bootstrap(replica.placement)))
        os.set_blocking(process.lifeline_fd, False)  # whoever does not read must not hold up the others
        for fd, kind, react in (
            (process.lifeline_fd, selectors.EVENT_WRITE, self._send_bootstrap),
            (process.events_fd, selectors.EVENT_READ, self._events_came),
            (process.output_fd, selectors.EVENT_READ, self._read_output),
        ):
            self._selector.register(fd, kind, (react, replica))

    def _run(self) -> None:
        for replica in self.replicas.values():
            self._guarded(self._launch, replica)
        while not self._is_closing or any(replica.process for replica in self.replicas.values()):
            for key, _ in self._selector.select(self._wait_s()):
                if key.data is None:
                    os.read(self._wake_r, 1)
                elif key.fileobj in self._selector.get_map():  # the same turn may have seen the end of its process
                    self._guarded(*key.data)
            for replica in self.replicas.values():
                self._guarded(self._look_after, replica)

    def _guarded(self, react: Callable[[Replica], None], replica: Replica) -> None:
        """Let what must not happen fail the deployment, which somebody notices, and not only this thread."""
        try:
            react(replica)
        except Exception:
            self._fail(DeployError(f"its supervisor failed over {replica.id}.\n{traceback.format_exc()}"))

    def _send_bootstrap(self, replica: Replica) -> None:
        assert replica.process is not None
        fd = replica.process.lifeline_fd
        try:
            replica.unsent = replica.unsent[os.write(fd, replica.unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it has died already, which is noticed elsewhere
            replica.unsent = memoryview(b"")
        if not replica.unsent:
            self._selector.unregister(fd)

    def _events_came(self, replica: Replica) -> None:
        assert replica.process is not None
        self._read_events(replica)
        if replica.process.events_fd not in self._selector.get_map():
            self._died(replica)

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
            elif kind == "main_exited":
                self._main_ended, self._main_error = True, SystemExit(event["code"])
            elif kind == "main_done":
                self._main_ended = True
            self._changed.notify_all()
        if kind == "main_failed" and isinstance(self._main_error, Exception):
            self.note(replica, f"main() failed: {type(self._main_error).__name__}: {self._main_error}")
        if kind == "ready" and replica.restarts:
            self.note(replica, f"is ready again after {replica.restarts} restart(s)")

    def _died(self, replica: Replica) -> None:
        """Take in the end of a process: its last words first, then decide what to do about it."""
        assert replica.process is not None
        process = replica.process
        for fd, read in ((process.events_fd, self._read_events), (process.output_fd, self._read_output)):
            self._read_rest(fd, read, replica)
        if process.lifeline_fd in self._selector.get_map():
            self._selector.unregister(process.lifeline_fd)
        code = process.wait(REAP_TIMEOUT_S)
        if code is None:  # it closed the pipe by which its end is noticed: alive, but lost to us
            process.send_signal(signal.SIGKILL)
            code = process.wait(REAP_TIMEOUT_S)
        how = death(code)
        process.close()
        with self._changed:
            replica.process = None
            replica.state = "stopped" if self._is_stopping else "dead"
            verdict = None if self._is_stopping else self._verdict(replica, how)
            self._changed.notify_all()
        if verdict is not None:
            if self._was_ready:  # nobody waits for the deployment any more: say it where its output goes
                self.note(replica, verdict, "ERROR")
            self._fail(DeployError(verdict))
        elif replica.restart_at_s is not None:
            pause_s = replica.restart_at_s - self._clock.now_s()
            self.note(replica, f"{how}; it is started again in {pause_s:.2f} s")

    def _read_rest(self, fd: int, read: Callable[[Replica], None], replica: Replica) -> None:
        """Read what a dead process left in a pipe. A process of its own may hold it, and go on writing: do not wait."""
        os.set_blocking(fd, False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(REST_READS_MAX):
                if fd in self._selector.get_map():
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

    def _wait_s(self) -> float:
        """Return how long the thread may wait for something to happen."""
        due = [replica.restart_at_s for replica in self.replicas.values() if replica.restart_at_s is not None]
        return min(TICK_S, max(0.0, min(due) - self._clock.now_s())) if due else TICK_S

    def _look_after(self, replica: Replica) -> None:
        """Do what no pipe tells: start a replica again when it is time, and notice an end that a pipe hides."""
        if replica.process is not None:
            # A process that it forked holds its pipes open; or its fork server has died, and nobody knows of it.
            if replica.process.wait(0.0) is not None:
                replica.process.send_signal(signal.SIGKILL)
                self._died(replica)
        elif replica.restart_at_s is not None and replica.restart_at_s <= self._clock.now_s():
            replica.restart_at_s = None
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
