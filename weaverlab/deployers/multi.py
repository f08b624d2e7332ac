"""The deployer of processes that an engine starts: one weavelet for each replica of each colocation group."""

from __future__ import annotations

import os
import pickle
import sys

from weaverlab.bundle import Bundle
from weaverlab.clock import SystemClock, system_rng
from weaverlab.deployers.asking import ask, in_time
from weaverlab.deployers.backend import Progress
from weaverlab.deployers.engine import Engine
from weaverlab.deployers.output import Output
from weaverlab.deployers.placing import place, socket_directory
from weaverlab.deployers.plan import Plan
from weaverlab.deployers.supervisor import Supervisor
from weaverlab.errors import CallLost, DeployError, RemoteCallError, StoppedError
from weaverlab.history import Event
from weaverlab.observe import MethodCounts, merge
from weaverlab.observe.snapshot import State
from weaverlab.runtime.control import WeaveletControl
from weaverlab.runtime.placement import Bootstrap, Placement
from weaverlab.runtime.remote import Identity
from weaverlab.runtime.version import WEAVERLAB_VERSION
from weaverlab.runtime.weavelet import Weavelet
from weaverlab.stores import EmbeddedStores
from weaverlab.types import ReplicaInfo

READY_TIMEOUT_S = 60.0
EXIT_TIMEOUT_S = 10.0  # shutdown() of all components of one weavelet together

DEPLOYER = Identity("deployer", "deployer", "")


class Multi:
    """Processes of an engine, supervised."""

    def __init__(self, plan: Plan, deployment_id: str, bundle: Bundle, output: Output, engine: Engine) -> None:
        self.name = engine.name
        self._plan = plan
        self._code = bundle.to_bytes()
        self._roots = pickle.dumps(plan.app.recipe())
        # As they are now, also for a weavelet that is started again after the notebook has changed them.
        self._working_directory = _working_directory()
        self._environ = dict(os.environ)
        self._import_path = tuple(sys.path)
        self._sockets = socket_directory()
        placed = place(plan, deployment_id, bundle.version, str(self._sockets.path), plan.config.multi.listeners)
        self.door = Weavelet(plan.app, placed.pop(""), output.log, fakes=plan.fakes)
        self._stage: State = "starting"
        self._supervisor = Supervisor(
            placed.values(),
            engine,
            self._bootstrap,
            plan.config.multi.restarts_max,
            output,
            SystemClock,
            system_rng(),
            EmbeddedStores.__name__,
            self._failed,
        )

    @property
    def state(self) -> State:
        return "failed" if self._stage == "running" and self.failure is not None else self._stage

    @property
    def failure(self) -> BaseException | None:
        return self._supervisor.failure

    def start(self, progress: Progress) -> None:
        try:
            self.door.start()
            self._supervisor.start()
            self._supervisor.wait_ready(READY_TIMEOUT_S, progress)
        except BaseException:
            self._abandon()
            raise
        self._stage = "running"

    def run_main(self) -> None:
        self._supervisor.wait_main()

    def stop(self, drain_s: float) -> None:
        if self._stage == "stopped":
            return
        self._stage = "stopping"
        self._supervisor.expect_stop()
        try:
            for group in reversed(self._plan.groups):
                self._stop_weavelets(group.replica_ids(), drain_s)
        finally:  # also when Ctrl-C is pressed again
            self._abandon()

    def replicas(self) -> tuple[ReplicaInfo, ...]:
        return tuple(replica.info() for replica in self._supervisor.replicas.values())

    def listeners(self) -> dict[str, str]:
        return {name: addr for r in self._supervisor.replicas.values() for name, addr in r.listeners.items()}

    def counts(self) -> tuple[MethodCounts, ...]:
        return merge([*self.door.counts(), *(one for control in self._controls() for one in ask(control.counts))])

    def events(self) -> tuple[Event, ...]:
        events = [*self.door.events(), *(event for control in self._controls() for event in ask(control.events))]
        return tuple(sorted(events, key=lambda event: event.at_s))

    def _bootstrap(self, placement: Placement) -> Bootstrap:
        return Bootstrap(
            WEAVERLAB_VERSION,
            placement,
            self._working_directory,
            self._environ,
            self._import_path,
            self._code,
            self._roots,
        )

    def _stop_weavelets(self, replicas: tuple[str, ...], drain_s: float) -> None:
        """Ask some weavelets to stop, and wait until they have; those that do not are killed."""
        for replica in replicas:
            if not self._asked_to_stop(replica, drain_s):
                self._supervisor.kill([replica])
        patience_s = drain_s + EXIT_TIMEOUT_S
        for replica in self._supervisor.wait_stopped(replicas, patience_s):
            self._supervisor.note(
                self._supervisor.replicas[replica], f"did not stop within {patience_s:g} s, and was killed"
            )
            self._supervisor.kill([replica])

    def _asked_to_stop(self, replica: str, drain_s: float) -> bool:
        """Return whether the weavelet knows now that it is to stop."""
        if self._supervisor.replicas[replica].state != "ready":
            return False
        try:
            in_time(lambda: self._control(replica).stop(drain_s))
        except CallLost:
            return True  # it had begun to stop before it could answer, or has died
        except (RemoteCallError, StoppedError) as error:
            self._supervisor.note(
                self._supervisor.replicas[replica], f"could not be asked to stop, and is killed: {error}"
            )
            return False
        return True

    def _abandon(self) -> None:
        """Leave nothing behind: no process, no thread, no socket, no file."""
        try:
            self._supervisor.close()
        finally:
            self._stage = "stopped"
            self.door.stop(0.0)
            self._sockets.release()

    def _failed(self, error: DeployError) -> None:
        self.door.stop(0.0, f"its deployment has failed: {error}")

    def _control(self, replica: str) -> WeaveletControl:
        return self.door.control(DEPLOYER, replica, self._supervisor.replicas[replica].placement.address)

    def _controls(self) -> list[WeaveletControl]:
        return [self._control(r.id) for r in self._supervisor.replicas.values() if r.state == "ready"]


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise DeployError("the working directory has been deleted. Change to one that exists (os.chdir).") from error
