"""Watches the weavelets of one deployment: starts them, takes in their events and output, restarts those that die.

One thread starts all processes, waits for all their pipes (`pipes`), and twice a second looks at what no pipe tells. A
weavelet that dies is started again in its place, at its address, after a capped backoff; one that keeps dying fails the
deployment, with its last traceback. So does an exception on the thread itself, which then goes on until every process
has ended. Other threads ask for what is to happen, or wait for it, under `_changed`.

Not in here: who is asked how it is (`health`), and what calls are routed by (`routes`): `on_change` is called whenever
that may have changed.
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
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

from weaverlab.clock import Clock, Rng
from weaverlab.deployers.backend import Progress
from weaverlab.deployers.deaths import OutOfMemory, death
from weaverlab.deployers.engine import Engine
from weaverlab.deployers.health import GIVE_UP_S, GIVE_UP_TICKS, HUNG_S, HUNG_TICKS, START_S, START_TICKS, TICK_S
from weaverlab.deployers.output import Output
from weaverlab.deployers.pipes import Pipes
from weaverlab.deployers.replica import Replica
from weaverlab.errors import DeployError, StoppedError, WeaverError, nearest
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
        placements: Iterable[Placement],
        engine: Engine,
        bootstrap: Callable[[Placement], Bootstrap],
        restarts_max: int,
        output: Output,
        clock: Clock,
        rng: Rng,
        irreplaceable: str | None,
        on_change: Callable[[], None],
        on_failure: Callable[[DeployError], None],
    ) -> None:
        """`irreplaceable` is a component whose state dies with its process, so restarting it would lie."""
        self.replicas = {placement.replica: Replica(placement, is_member=True) for placement in placements}
        self.failure: DeployError | None = None
        self._engine = engine
        self._bootstrap = bootstrap
        self._restarts_max = restarts_max
        self._output = output
        self._clock = clock
        self._rng = rng
        self._irreplaceable = irreplaceable
        self._on_change = on_change
        self._on_failure = on_failure
        self._out_of_memory = OutOfMemory()
        self._changed = threading.Condition()  # guards every replica, `replicas`, `failure` and the fields below
        self._was_ready = False
        self._is_stopping = False
        self._is_closing = False
        self._main_begun = False
        self._main_ended = False
        self._main_error: BaseException | None = None
        self._to_launch: queue.SimpleQueue[Replica] = queue.SimpleQueue()
        self._next_tick_s = 0.0
        self._pipes = Pipes(self._take, self._printed, self._died)
        self._thread = threading.Thread(target=self._run, name="weaverlab-supervisor", daemon=True)

    # Life of the deployment

    def start(self) -> None:
        """Begin to start every weavelet."""
        for replica in self.replicas.values():
            self._to_launch.put(replica)
        self._thread.start()

    def add(self, placements: Iterable[Placement]) -> None:
        """Begin to start further weavelets; calls are routed to them only when `join` says so."""
        newcomers = [Replica(placement, is_member=False) for placement in placements]
        with self._changed:
            if self._is_stopping:
                raise StoppedError("this deployment is being stopped.")
            self.replicas = self.replicas | {replica.id: replica for replica in newcomers}
            for replica in newcomers:
                self._to_launch.put(replica)
            self._pipes.wake()

    def join(self, replicas: Iterable[str]) -> None:
        """Route calls to these as well, from now on."""
        with self._changed:
            for name in replicas:
                self.replicas[name].is_member = True
        self._on_change()

    def leave(self, replicas: Iterable[str]) -> None:
        """Route no more calls to these, and do not start them again when they end."""
        with self._changed:
            for name in replicas:
                self.replicas[name].is_member = False
                self.replicas[name].is_leaving = True
        self._on_change()

    def forget(self, replicas: Collection[str]) -> None:
        """Remove replicas that have ended for good."""
        with self._changed:
            self.replicas = {name: replica for name, replica in self.replicas.items() if name not in replicas}

    def wait_ready(self, wanted: Collection[str], timeout_s: float, progress: Progress) -> None:
        """Wait until these replicas are ready; `progress` is called whenever that may have changed.

        Raises:
            DeployError: one of them failed, or `timeout_s` went by; names the replicas that are not ready.
            StoppedError: the deployment is stopped meanwhile.
        """
        replicas = [self.replicas[name] for name in wanted]

        def late() -> list[Replica]:
            return [replica for replica in replicas if not replica.is_ready]

        def is_over() -> bool:
            progress(len(replicas) - len(late()), len(replicas))
            is_lost = any(replica.is_leaving for replica in replicas)
            return self.failure is not None or self._is_stopping or is_lost or not late()

        with self._changed:
            self._changed.wait_for(is_over, timeout_s)
            if self.failure is not None:
                raise self.failure
            if self._is_stopping:
                raise StoppedError("this deployment is being stopped.")
            for replica in replicas:
                if replica.is_leaving:
                    raise DeployError(self._who(replica, replica.last_death, " before it was ready"))
            if late():
                names = ", ".join(replica.id for replica in late())
                raise DeployError(
                    f"not ready after {timeout_s:g} s: {names}. Their init() still runs, or waits for something.\n"
                    "Let init() return and do long work in a thread or a method."
                )
            self._was_ready = True

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

    def close(self) -> None:
        """Kill what still runs, and end the thread when every process has ended."""
        with self._changed:
            self._is_stopping = self._is_closing = True
            self._changed.notify_all()
            self._pipes.wake()
        self.kill(self.replicas)
        if self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
            if self._thread.is_alive():
                return  # it still needs what would be closed here; as a daemon it keeps nobody from ending
        self._pipes.close()

    # Main

    def begin_main(self) -> bool:
        """Take note that the body of Main is to run, again when its weavelet dies; return whether that is news."""
        with self._changed:
            was_begun, self._main_begun = self._main_begun, True
            return not was_begun

    @property
    def main_runs(self) -> bool:
        return self._main_begun and not self._main_ended

    def take_back_main(self) -> None:
        """Take note that the body of Main could not be begun."""
        with self._changed:
            self._main_begun = False

    def wait_main(self) -> None:
        """Wait until the body of Main has ended; raise what it raised, or why the deployment failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._main_ended or self.failure is not None or self._is_stopping)
            if self._main_error is not None:
                raise self._main_error
            if self.failure is not None and not self._main_ended:
                raise self.failure

    # One replica

    def kill(self, replicas: Iterable[str], because: str = "") -> None:
        """Kill the processes of `replicas` that still run."""
        with self._changed:
            for replica in (self.replicas[name] for name in list(replicas)):
                if replica.process is not None:
                    replica.killed_because = because or replica.killed_because
                    replica.process.send_signal(signal.SIGKILL)

    def pause(self, replica_id: str) -> None:
        """Stop a process in its tracks; calls go to other replicas."""
        with self._changed:
            replica = self.running(replica_id)
            replica.is_paused = True
        self._on_change()  # first, so that few calls get stuck in it
        with self._changed:
            if replica.process is not None:
                replica.process.send_signal(signal.SIGSTOP)

    def resume(self, replica_id: str) -> None:
        """Let a paused process go on; harmless for one that runs."""
        with self._changed:
            replica = self.running(replica_id)
            assert replica.process is not None
            replica.process.send_signal(signal.SIGCONT)
            replica.is_paused, replica.silent_ticks = False, 0
        self._on_change()

    def named(self, replica_id: str) -> Replica:
        """Return the replica of this id. Raises WeaverError when there is none."""
        if replica_id not in self.replicas:
            raise WeaverError(
                f"no replica {replica_id!r} in this deployment.{nearest(str(replica_id), self.replicas)} "
                f"It has: {', '.join(self.replicas)}."
            )
        return self.replicas[replica_id]

    def heard(self, replica: Replica, health: Health) -> None:
        """Take in that a weavelet has answered."""
        with self._changed:
            was_hung = replica.is_hung
            replica.silent_ticks, replica.load = 0, health.load
        if was_hung:
            self.note(replica, "answers again")
            self._on_change()

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

    def running(self, replica_id: str) -> Replica:
        replica = self.named(replica_id)
        if replica.process is None:
            how = replica.last_death.partition("\n")[0]
            raise WeaverError(f"{replica_id} does not run now: it {how or 'has not been started yet'}. Try again soon.")
        return replica

    # The thread

    def _run(self) -> None:
        while not self._is_closing or any(replica.process for replica in self.replicas.values()):
            for react, replica in self._pipes.ready(self._wait_s()):
                self._guarded(react, replica)
            with contextlib.suppress(queue.Empty):
                while True:
                    self._guarded(self._launch, self._to_launch.get_nowait())
            self._tick_if_due()
            for replica in self.replicas.values():
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
        due = [replica.restart_at_s for replica in self.replicas.values() if replica.restart_at_s is not None]
        return max(0.0, min([self._next_tick_s, *due]) - self._clock.now_s())

    def _tick_if_due(self) -> None:
        now_s = self._clock.now_s()
        if now_s >= self._next_tick_s:
            self._next_tick_s = now_s + TICK_S
            for replica in self.replicas.values():
                self._guarded(self._look_at, replica)
            self._guarded(self._on_change)  # loads may have changed

    def _look_at(self, replica: Replica) -> None:
        """Notice what no pipe tells: silence, and an end that is hidden."""
        process = replica.process
        if process is None:
            return
        if process.wait(0.0) is not None:
            # A process that it forked holds its pipes open; or its fork server has died, and it lives, lost to us.
            process.send_signal(signal.SIGKILL)
            self._died(replica)
        elif not (replica.is_paused or replica.is_leaving or self._is_stopping):  # who is not asked cannot answer
            with self._changed:
                replica.silent_ticks += 1
            self._judge_silence(replica)

    def _judge_silence(self, replica: Replica) -> None:
        if not replica.is_ready:
            if self._was_ready and replica.is_member and replica.silent_ticks == START_TICKS:
                self.kill([replica.id], f"was killed: its init() had not ended after {START_S:g} s")
        elif replica.silent_ticks == HUNG_TICKS:
            self._silence(replica)
        elif replica.silent_ticks == GIVE_UP_TICKS:
            self.kill([replica.id], f"was killed: it had not answered its deployer for {GIVE_UP_S:g} s")

    def _silence(self, replica: Replica) -> None:
        self._on_change()
        if not self._is_stopping:
            self.note(replica, f"has not answered its deployer for {HUNG_S:g} s; calls go to other replicas, if any")

    def _restart_if_due(self, replica: Replica) -> None:
        if replica.restart_at_s is not None and replica.restart_at_s <= self._clock.now_s():
            replica.restart_at_s = None
            replica.restarts += 1
            self._launch(replica)

    def _launch(self, replica: Replica) -> None:
        """Start the process of `replica`, unless it is not wanted any more."""
        if self._is_stopping or replica.is_leaving:
            return
        replica.remove_socket()
        try:
            process = self._engine.start(replica.id)
        except Exception as error:
            self._cannot_start(replica, error)
            return
        with self._changed:
            replica.began(process)
            if self._is_stopping or replica.is_leaving:  # whoever asked for it could not know of this process
                process.send_signal(signal.SIGKILL)
            has_body = replica.placement.runs_main and self.main_runs
        placement = replace(replica.placement, runs_main=has_body)
        self._pipes.watch(replica, bootstrap_bytes(self._bootstrap(placement)))

    def _cannot_start(self, replica: Replica, error: Exception) -> None:
        """Try again later if a shortage is to blame that may pass, and others still run; else give up."""
        why = f"cannot start {replica.id}: {type(error).__name__}: {error}"
        is_shortage = isinstance(error, OSError) and error.errno in SHORTAGES
        if replica.is_member and not (self._was_ready and is_shortage):
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
        kind = event.pop("event")
        if kind == "log":
            replica.last_lines.append(f"{event['level']} {event['component']}: {event['message']}")
            self._output.log(event)
            return
        with self._changed:
            if kind == "ready":
                replica.is_ready, replica.ready_at_s = True, self._clock.now_s()
                replica.silent_ticks = 0
                replica.listeners = event["listeners"]
            elif kind == "failed":
                replica.traceback = event["traceback"]
            elif kind == "main_failed":
                self._main_ended = True
                self._main_error = failures.unpack(pickle.loads(base64.b64decode(event["error"])))
            elif kind == "main_exited":
                self._main_ended, self._main_error = True, SystemExit(event["code"])
            elif kind == "main_done":
                self._main_ended = True
            self._changed.notify_all()
        if kind == "ready":
            self._on_change()
        if kind == "main_failed" and isinstance(self._main_error, Exception):
            self.note(replica, f"main() failed: {type(self._main_error).__name__}: {self._main_error}")
        if kind == "ready" and replica.restarts:
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
            was_ready, is_expected = replica.is_ready, self._is_stopping or replica.is_leaving
            replica.ended(how)
            verdict = None if is_expected else self._verdict(replica, was_ready)
            self._changed.notify_all()
        process.close()
        self._on_change()
        if verdict is not None:
            if self._was_ready:  # nobody waits for the deployment any more: say it where its output goes
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
        how = replica.last_death
        if not replica.is_member:
            replica.is_leaving = True
            return None
        if not self._was_ready:
            return self._who(replica, how, " before it was ready")
        if self._irreplaceable in replica.placement.hosted:
            return self._who(
                replica, how, ": the data of the embedded stores is lost. Deploy again to start with empty ones"
            )
        now_s = self._clock.now_s()
        if replica.killed_because == ASKED_FOR:
            replica.restart_at_s = now_s
            return None
        is_stable = was_ready and now_s - replica.ready_at_s >= STABLE_S
        replica.failures_in_a_row = 1 if is_stable else replica.failures_in_a_row + 1
        if replica.failures_in_a_row > self._restarts_max:
            times = f"; that was {replica.failures_in_a_row} times in a row, and restarts_max = {self._restarts_max}"
            return self._who(replica, how, times)
        replica.restart_at_s = now_s + RESTART_BACKOFF.pause_s(replica.failures_in_a_row, self._rng)
        return None

    def _who(self, replica: Replica, how: str, more: str) -> str:
        first, _, rest = how.partition("\n")
        return f"{replica.id} ({', '.join(replica.placement.hosted)}) {first}{more}.\n{rest}"

    def _fail(self, error: DeployError) -> None:
        """Give up: whoever waits learns why. Everything is killed, unless somebody waits who stops it in order."""
        with self._changed:
            if self.failure is None:
                self.failure = error
            self._is_stopping = True
            self._changed.notify_all()
        if self._was_ready:
            self.kill(self.replicas)
            self._on_failure(error)
