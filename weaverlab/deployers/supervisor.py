"""Watches the weavelets of one deployment: starts them, takes in their events and output, restarts those that die.

One thread starts all processes, waits for all their pipes (`pipes`), and twice a second looks at what no pipe tells. A
weavelet that dies is started again in its place, at its address, after a capped backoff; one that keeps dying fails the
deployment, with its last traceback. So does an exception on the thread itself, which then goes on until every process
has ended.

Not in here: what is known of weavelets, and who waits for it (`replicas`); how they are asked how they are (`health`);
what calls are routed by (`routes`).
"""

from __future__ import annotations

import base64
import contextlib
import errno
import pickle
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from weaverlab.clock import Clock, Rng
from weaverlab.deployers.deaths import OutOfMemory, death
from weaverlab.deployers.engine import Engine
from weaverlab.deployers.health import GIVE_UP_S, GIVE_UP_TICKS, HUNG_S, HUNG_TICKS, START_S, START_TICKS, TICK_S
from weaverlab.deployers.output import Output
from weaverlab.deployers.pipes import Pipes
from weaverlab.deployers.replica import Replica
from weaverlab.deployers.replicas import Replicas
from weaverlab.errors import DeployError
from weaverlab.routing import Backoff
from weaverlab.runtime import failures
from weaverlab.runtime.control import Health
from weaverlab.runtime.placement import Bootstrap, Placement, bootstrap_bytes

STABLE_S = 10.0  # a replica that has been ready this long starts with a clean record when it dies
RESTART_BACKOFF = Backoff(first_s=0.05, cap_s=5.0)
REAP_TIMEOUT_S = 1.0  # from a process's last sign of life to its exit code
# Of descriptors, memory or processes in the deploying process: no fault of the weavelet, so attempts are not counted.
SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
SHORTAGE_RETRY_S = 1.0
CLOSE_TIMEOUT_S = 10.0  # killed processes end at once, but for one that hangs in the kernel
ASKED_FOR = "was killed by app.kill()"  # which is no fault of its own: it is started again at once, however often


class Supervisor:
    """Keeps `replicas` running until told otherwise."""

    def __init__(
        self,
        replicas: Replicas,
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
        self._replicas = replicas
        self._changed = replicas.changed
        self._engine = engine
        self._bootstrap = bootstrap
        self._restarts_max = restarts_max
        self._output = output
        self._clock = clock
        self._rng = rng
        self._irreplaceable = irreplaceable
        self._on_failure = on_failure
        self._out_of_memory = OutOfMemory()
        self._is_closing = False
        self._to_launch: queue.SimpleQueue[Replica] = queue.SimpleQueue()
        self._next_tick_s = 0.0
        self._pipes = Pipes(self._take, self._printed, self._died)
        self._thread = threading.Thread(target=self._run, name="weaverlab-supervisor", daemon=True)

    def start(self) -> None:
        """Begin to start every weavelet."""
        for replica in self._replicas:
            self._to_launch.put(replica)
        self._thread.start()

    def add(self, placements: Iterable[Placement]) -> None:
        """Begin to start further weavelets; calls are routed to them only when they have joined."""
        with self._changed:  # else it might be closed meanwhile
            for replica in self._replicas.add(placements):
                self._to_launch.put(replica)
            self._pipes.wake()

    def close(self) -> None:
        """Kill what still runs, and end the thread when every process has ended."""
        with self._changed:
            self._replicas.is_stopping = self._is_closing = True
            self._changed.notify_all()
            self._pipes.wake()
        self._replicas.kill_all()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
            if self._thread.is_alive():
                return  # it still needs what would be closed here; as a daemon it keeps nobody from ending
        self._pipes.close()

    def heard(self, replica: Replica, health: Health) -> None:
        """Take in that a weavelet has answered."""
        with self._changed:
            was_hung = replica.is_hung
            replica.silent_ticks, replica.load = 0, health.load
        if was_hung:
            self.note(replica, "answers again")
            self._replicas.on_change()

    def found_silent(self, replica: Replica) -> None:
        """Take in that a weavelet did not answer in time, which is as long as it takes to be called unresponsive."""
        with self._changed:
            is_news = replica.is_ready and replica.silent_ticks < HUNG_TICKS
            replica.silent_ticks = max(replica.silent_ticks, HUNG_TICKS)
        if is_news:
            self._silence(replica)

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

    # The thread

    def _run(self) -> None:
        while not self._is_closing or any(replica.process for replica in self._replicas):
            for react, replica in self._pipes.ready(self._wait_s()):
                self._guarded(react, replica)
            with contextlib.suppress(queue.Empty):
                while True:
                    self._guarded(self._launch, self._to_launch.get_nowait())
            self._tick_if_due()
            for replica in self._replicas:
                self._guarded(self._restart_if_due, replica)

    def _guarded(self, react: Callable[..., None], *about: Replica) -> None:
        """Let what must not happen fail the deployment, which somebody notices, and not only this thread."""
        try:
            react(*about)
        except Exception:
            over = about[0].id if about else "its routes"
            self._fail(DeployError(f"its supervisor failed over {over}.\n{traceback.format_exc()}"))

    def _wait_s(self) -> float:
        """Return how long the thread may wait for something to happen."""
        if not self._to_launch.empty():
            return 0.0
        due = [replica.restart_at_s for replica in self._replicas if replica.restart_at_s is not None]
        return max(0.0, min([self._next_tick_s, *due]) - self._clock.now_s())

    def _tick_if_due(self) -> None:
        now_s = self._clock.now_s()
        if now_s >= self._next_tick_s:
            self._next_tick_s = now_s + TICK_S
            for replica in self._replicas:
                self._guarded(self._look_at, replica)
            self._guarded(self._replicas.on_change)  # loads may have changed

    def _look_at(self, replica: Replica) -> None:
        """Notice what no pipe tells: silence, and an end that is hidden."""
        process = replica.process
        if process is None:
            return
        is_asked = not (replica.is_paused or replica.is_leaving or self._replicas.is_stopping)
        if process.wait(0.0) is not None:
            # A process that it forked holds its pipes open; or its fork server has died, and it lives, lost to us.
            process.send_signal(signal.SIGKILL)
            self._died(replica)
        elif is_asked:
            with self._changed:
                replica.silent_ticks += 1
            self._judge_silence(replica)

    def _judge_silence(self, replica: Replica) -> None:
        if not replica.is_ready:
            if self._replicas.was_ready and replica.is_member and replica.silent_ticks == START_TICKS:
                self._replicas.kill([replica.id], f"was killed: its init() had not ended after {START_S:g} s")
        elif replica.silent_ticks == HUNG_TICKS:
            self._silence(replica)
        elif replica.silent_ticks == GIVE_UP_TICKS:
            self._replicas.kill([replica.id], f"was killed: it had not answered its deployer for {GIVE_UP_S:g} s")

    def _silence(self, replica: Replica) -> None:
        self._replicas.on_change()
        if not self._replicas.is_stopping:
            self.note(replica, f"has not answered its deployer for {HUNG_S:g} s; calls go to other replicas, if any")

    def _restart_if_due(self, replica: Replica) -> None:
        if replica.restart_at_s is not None and replica.restart_at_s <= self._clock.now_s():
            replica.restart_at_s = None
            replica.restarts += 1
            self._launch(replica)

    def _launch(self, replica: Replica) -> None:
        """Start the process of `replica`, unless it is not wanted any more."""
        if self._replicas.is_stopping or replica.is_leaving:
            return
        replica.remove_socket()
        try:
            process = self._engine.start(replica.id)
        except Exception as error:
            self._cannot_start(replica, error)
            return
        with self._changed:
            replica.began(process)
            if self._replicas.is_stopping or replica.is_leaving:  # whoever asked for it could not know of this process
                process.send_signal(signal.SIGKILL)
            has_body = replica.placement.runs_main and self._replicas.main_runs
        placement = replace(replica.placement, runs_main=has_body)
        self._pipes.watch(replica, bootstrap_bytes(self._bootstrap(placement)))

    def _cannot_start(self, replica: Replica, error: Exception) -> None:
        """Try again later if a shortage is to blame that may pass, and others still run; else give up."""
        why = f"cannot start {replica.id}: {type(error).__name__}: {error}"
        is_shortage = isinstance(error, OSError) and error.errno in SHORTAGES
        if replica.is_member and not (self._replicas.was_ready and is_shortage):
            self._fail(DeployError(why))
            return
        with self._changed:
            replica.last_death = why
            if replica.is_member:
                replica.restarts -= 1  # this was none
                replica.restart_at_s = self._clock.now_s() + SHORTAGE_RETRY_S
            else:
                replica.is_leaving = True
            self._changed.notify_all()
        if replica.is_member:
            self.note(replica, f"{why}; it is tried again in {SHORTAGE_RETRY_S:g} s")

    def _printed(self, replica: Replica, line: str) -> None:
        replica.last_lines.append(line)
        self._output.printed(self._clock.wall_s(), replica.id, line)

    def _take(self, replica: Replica, event: dict[str, Any]) -> None:
        """Take in one event of a weavelet (see `runtime.events`)."""
        match event.pop("event"):
            case "log":
                replica.last_lines.append(f"{event['level']} {event['component']}: {event['message']}")
                self._output.log(event)
            case "ready":
                self._ready(replica, event["listeners"])
            case "failed":
                replica.traceback = event["traceback"]
            case "main_done":
                self._replicas.end_main(None)
            case "main_exited":
                self._replicas.end_main(SystemExit(event["code"]))
            case "main_failed":
                error = failures.unpack(pickle.loads(base64.b64decode(event["error"])))
                self._replicas.end_main(error)
                if isinstance(error, Exception):
                    self.note(replica, f"main() failed: {type(error).__name__}: {error}")

    def _ready(self, replica: Replica, listeners: dict[str, str]) -> None:
        with self._changed:
            replica.is_ready, replica.ready_at_s = True, self._clock.now_s()
            replica.silent_ticks = 0
            replica.listeners = listeners
            self._changed.notify_all()
        self._replicas.on_change()
        if replica.restarts:
            self.note(replica, f"is ready again after {replica.restarts} restart(s)")

    def _died(self, replica: Replica) -> None:
        """Take in the end of a process: its last words first, then decide what to do about it."""
        assert replica.process is not None
        process = replica.process
        self._pipes.read_rest(replica)
        code = process.wait(REAP_TIMEOUT_S)
        if code is None:  # it closed the pipe by which its end is noticed: alive, but lost to us
            process.send_signal(signal.SIGKILL)
            code = process.wait(REAP_TIMEOUT_S)
        how = replica.killed_because or death(code, self._out_of_memory.happened())
        with self._changed:
            was_ready, is_expected = replica.is_ready, self._replicas.is_stopping or replica.is_leaving
            replica.ended(how)
            verdict = None if is_expected else self._verdict(replica, was_ready)
            self._changed.notify_all()
        process.close()
        self._replicas.on_change()
        if verdict is not None:
            if self._replicas.was_ready:  # nobody waits for the deployment any more: say it where its output goes
                self.note(replica, verdict, "ERROR")
            self._fail(DeployError(verdict))
        elif replica.restart_at_s is not None:
            pause_s = max(0.0, replica.restart_at_s - self._clock.now_s())
            words = "\n".join([f"{how}; it is started again in {pause_s:.2f} s", *replica.traceback.splitlines()])
            self.note(replica, words)

    def _verdict(self, replica: Replica, was_ready: bool) -> str | None:
        """Return why the deployment must fail because of this death, or None when the replica is to be restarted.

        One that was to join a running deployment is neither restarted, nor does the deployment fail.
        """
        if not replica.is_member:
            replica.is_leaving = True
            return None
        if not self._replicas.was_ready:
            return replica.obituary(" before it was ready")
        if self._irreplaceable in replica.placement.hosted:
            return replica.obituary(": the data of the embedded stores is lost. Deploy again to start with empty ones")
        now_s = self._clock.now_s()
        if replica.killed_because == ASKED_FOR:
            replica.restart_at_s = now_s
            return None
        is_stable = was_ready and now_s - replica.ready_at_s >= STABLE_S
        replica.failures_in_a_row = 1 if is_stable else replica.failures_in_a_row + 1
        if replica.failures_in_a_row > self._restarts_max:
            times = f"; that was {replica.failures_in_a_row} times in a row, and restarts_max = {self._restarts_max}"
            return replica.obituary(times)
        replica.restart_at_s = now_s + RESTART_BACKOFF.pause_s(replica.failures_in_a_row, self._rng)
        return None

    def _fail(self, error: DeployError) -> None:
        """Give up. Everything is killed, unless somebody waits for the start, and stops what is ready in order."""
        self._replicas.fail(error)
        if self._replicas.was_ready:
            self._replicas.kill_all()
            self._on_failure(error)
