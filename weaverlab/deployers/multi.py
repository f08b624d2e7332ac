"""The deployer of processes that an engine starts: one weavelet for each replica of each colocation group."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from weaverlab.bundle import Bundle
from weaverlab.clock import SystemClock, system_rng
from weaverlab.deployers.asking import in_time
from weaverlab.deployers.backend import Follow, Progress, addresses_by_listener, nobody_follows, nobody_watches
from weaverlab.deployers.engine import Engine
from weaverlab.deployers.health import START_S, Contact
from weaverlab.deployers.output import Output
from weaverlab.deployers.placing import authority_for, place, socket_address, socket_directory
from weaverlab.deployers.plan import Group, Plan
from weaverlab.deployers.replica import Replica
from weaverlab.deployers.replicas import Replicas
from weaverlab.deployers.routes import next_table
from weaverlab.deployers.supervisor import ASKED_FOR, Supervisor
from weaverlab.errors import CallLost, DeadlineExceeded, DeployError, RemoteCallError, StoppedError, WeaverError
from weaverlab.history import Event
from weaverlab.observe import CheckpointCounts, MethodCounts, merge, merge_checkpoints
from weaverlab.observe.snapshot import State
from weaverlab.routing import Member
from weaverlab.runtime.control import WeaveletControl
from weaverlab.runtime.placement import Bootstrap, Placement
from weaverlab.runtime.remote import Identity
from weaverlab.runtime.version import WEAVERLAB_VERSION
from weaverlab.runtime.weavelet import Weavelet
from weaverlab.stores import EmbeddedStores
from weaverlab.types import ReplicaInfo

EXIT_TIMEOUT_S = 10.0  # shutdown() of all components of one weavelet together

DEPLOYER = Identity("deployer", "deployer", "")
Item = TypeVar("Item")


class Multi:
    """Processes of an engine, supervised."""

    def __init__(
        self,
        plan: Plan,
        deployment_id: str,
        bundle: Bundle,
        output: Output,
        engine: Engine,
        proxies: Mapping[str, str],
    ) -> None:
        self.name = engine.name
        self._plan = plan
        self._code = bundle.to_bytes()
        self._roots = pickle.dumps(plan.app.recipe())
        # As they are now, also for a weavelet that is started again after the notebook has changed them.
        self._working_directory = _working_directory()
        self._arguments = tuple(sys.argv)
        self._environ = dict(os.environ)
        self._import_path = tuple(sys.path)
        self._authority = authority_for(plan.config, deployment_id, bundle.version)
        self._sockets = socket_directory()
        placed = place(plan, deployment_id, bundle.version, str(self._sockets.path), proxies)
        door = self._certified(placed.pop(""))
        self.door = Weavelet(plan.app, door, output.log, fakes=plan.fakes)
        self._stage: State = "starting"
        self._scaling = threading.Lock()  # held by whoever changes the number of replicas, or stops the deployment
        self._routing = threading.Lock()  # guards _table and _follow
        self._follow: Follow = nobody_follows
        self._table = door.routing
        self._placed = dict(placed)  # by replica, also of those that are gone: they may come back to their address
        self._contacts: dict[str, Contact] = {}
        self._last_checkpoints: dict[str, tuple[CheckpointCounts, ...]] = {}
        self._last_counts: dict[str, tuple[MethodCounts, ...]] = {}  # what each replica answered last
        self._last_events: dict[str, tuple[Event, ...]] = {}
        self._replicas = Replicas(placed.values(), self._route)
        self._supervisor = Supervisor(
            self._replicas,
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
        return self._replicas.failure

    def start(self, progress: Progress) -> None:
        try:
            self.door.start()
            self._supervisor.start()
            self._replicas.wait_ready(self._placed, START_S, progress)
            self._keep_contact(self._placed)
        except BaseException:  # what is ready has things to tidy up
            self.stop(0.0)
            raise
        self._stage = "running"

    @property
    def main_runs(self) -> bool:
        return self._replicas.main_runs

    def start_main(self) -> None:
        host = next(id for id, placed in self._placed.items() if placed.runs_main)
        if self._replicas.begin_main():
            try:
                in_time(self._control(host).start_main)
            except RemoteCallError:  # it is paused, or hangs; to ask it twice does no harm
                self._replicas.take_back_main()
                raise

    def run_main(self) -> None:
        self.start_main()
        self._replicas.wait_main()

    def stop(self, drain_s: float) -> None:
        if self._stage == "stopped":
            return
        self._stage = "stopping"
        self._replicas.expect_stop()
        for contact in list(self._contacts.values()):
            contact.end()
        try:
            with self._scaling:
                for group in reversed(self._plan.groups):
                    self._stop_weavelets(self._replicas_of(group), drain_s)
        finally:  # also when Ctrl-C is pressed again
            self._abandon()

    def scale(self, component: str, count: int, drain_s: float) -> None:
        group = next((group for group in self._plan.groups if component in group.components), None)
        if group is None:
            raise WeaverError(f"{component} is a fake, which lives in the deploying process: it has no replicas.")
        if count != 1 and (alone := _must_be_alone(group, self._plan)):
            raise WeaverError(f"{group.name} cannot have {count} replicas: {alone}")
        with self._scaling:
            now = self._replicas_of(group)
            if count > len(now):
                self._grow([f"{group.name}/{n}" for n in range(len(now), count)], now[0])
            elif count < len(now):
                self._shrink(now[count:], drain_s)

    def kill(self, replica: str) -> None:
        self._replicas.kill_running(replica, ASKED_FOR)

    def pause(self, replica: str) -> None:
        self._replicas.pause(replica)

    def resume(self, replica: str) -> None:
        self._replicas.resume(replica)

    def replicas(self) -> tuple[ReplicaInfo, ...]:
        return tuple(replica.info() for replica in self._replicas)

    def listeners(self) -> dict[str, tuple[str, ...]]:
        members = [replica for replica in self._replicas if replica.is_member]
        return addresses_by_listener(replica.listeners for replica in members if replica.state == "ready")

    def follow_listeners(self, follow: Follow) -> None:
        with self._routing:
            self._follow = follow
            self._tell_listeners()

    def checkpoints(self) -> tuple[CheckpointCounts, ...]:
        return merge_checkpoints(self._ask_all(lambda control: control.checkpoints(), self._last_checkpoints))

    def counts(self) -> tuple[MethodCounts, ...]:
        return merge([*self.door.counts(), *self._ask_all(lambda control: control.counts(), self._last_counts)])

    def events(self) -> tuple[Event, ...]:
        events = [*self.door.events(), *self._ask_all(lambda control: control.events(), self._last_events)]
        return tuple(sorted(events, key=lambda event: event.at_s))

    def _bootstrap(self, placement: Placement) -> Bootstrap:
        return Bootstrap(
            WEAVERLAB_VERSION,
            self._certified(replace(placement, routing=self._table)),
            self._working_directory,
            self._arguments,
            self._environ,
            self._import_path,
            self._code,
            self._roots,
        )

    def _certified(self, placement: Placement) -> Placement:
        """Return `placement` with a new certificate, where there are any; also for a weavelet that is started again."""
        return placement if self._authority is None else self._authority.certified(placement)

    def _renew_certificates(self, replica: str) -> None:
        """Renew what is due of the certificates of a weavelet and the door. On the thread of the weavelet's contact."""
        if self._authority is not None:
            control = self._control(replica)
            self._authority.renew_if_due(replica, lambda credentials: in_time(lambda: control.renew(credentials)))
            self._authority.renew_if_due(self.door.replica, self.door.renew)

    # Routes

    def _route(self) -> None:
        """Let everybody know who can be called, if that has changed. Any thread."""
        with self._routing:
            table = next_table(self._table, self._table.members | self._members())
            if table is self._table:
                return
            self._table = table
            self.door.update_routing(table)
            self._tell_listeners()
        for contact in list(self._contacts.values()):
            contact.tell()

    def _tell_listeners(self) -> None:
        members = [replica for replica in self._replicas if replica.is_member]
        silent = [address for r in members if r.state != "ready" for address in r.listeners.values()]
        self._follow(self.listeners(), silent)

    def _members(self) -> dict[str, tuple[Member, ...]]:
        with_load = self._plan.config.multi.balance == "least_loaded"
        members: dict[str, tuple[Member, ...]] = {}
        for group in self._plan.groups:
            here = tuple(self._replicas[name].member(with_load) for name in self._replicas_of(group))
            members |= dict.fromkeys(group.components, here)
        return members

    def _replicas_of(self, group: Group) -> list[str]:
        """Return the replicas of a group that calls are routed to, in the order of their numbers."""
        return [r.id for r in self._replicas if r.is_member and r.placement.hosted == group.components]

    def _keep_contact(self, replicas: Iterable[str]) -> None:
        for name in replicas:
            replica = self._replicas[name]
            self._contacts[name] = Contact(
                name,
                self._control(name),
                partial(_is_listening, replica),
                lambda: self._table,
                partial(self._supervisor.heard, replica),
                partial(self._renew_certificates, name),
            )

    def _end_contact(self, replicas: Iterable[str]) -> list[Contact]:
        contacts = [contact for name in replicas if (contact := self._contacts.pop(name, None))]
        for contact in contacts:
            contact.end()
        return contacts

    # The number of replicas

    def _grow(self, newcomers: list[str], sibling: str) -> None:
        like = self._placed[sibling]
        for name in newcomers:
            if name not in self._placed:
                address = socket_address(str(self._sockets.path), len(self._placed))
                self._placed[name] = replace(like, replica=name, address=address, runs_main=False)
        try:
            self._supervisor.add([self._placed[name] for name in newcomers])
            self._replicas.wait_ready(newcomers, START_S, nobody_watches)
            self._keep_contact(newcomers)
            self._replicas.join(newcomers)
        except BaseException:  # Ctrl-C, too
            self._remove(newcomers)
            raise

    def _shrink(self, leavers: list[str], drain_s: float) -> None:
        self._replicas.leave(leavers)
        self._end_contact(leavers)
        try:
            self._stop_weavelets(leavers, drain_s)
        finally:
            self._remove(leavers)

    def _remove(self, replicas: list[str]) -> None:
        """End these replicas, which nobody calls any more, and all that we keep for them."""
        present = [name for name in replicas if name in self._replicas]
        self._replicas.leave(present)
        self._replicas.kill(present)
        self._replicas.wait_stopped(present, EXIT_TIMEOUT_S)
        self._end_contact(present)
        self._replicas.forget(present)

    # Asking and stopping weavelets

    def _stop_weavelets(self, replicas: list[str], drain_s: float) -> None:
        """Ask some weavelets to stop, and wait until they have; those that do not are killed."""
        for replica in replicas:
            if not self._asked_to_stop(self._replicas[replica], drain_s):
                self._replicas.kill([replica])
        patience_s = drain_s + EXIT_TIMEOUT_S
        for replica in self._replicas.wait_stopped(replicas, patience_s):
            self._supervisor.note(self._replicas[replica], f"did not stop within {patience_s:g} s, and was killed")
            self._replicas.kill([replica])

    def _asked_to_stop(self, replica: Replica, drain_s: float) -> bool:
        """Return whether the weavelet knows now that it is to stop."""
        if replica.is_paused:
            self._replicas.resume(replica.id)
        if not replica.is_ready:
            return False
        try:
            if replica.is_hung:
                raise DeadlineExceeded("it had not answered before")
            in_time(lambda: self._control(replica.id).stop(drain_s))
        except CallLost:
            return True  # it had begun to stop before it could answer, or has died
        except (RemoteCallError, StoppedError) as error:
            self._supervisor.note(replica, f"could not be asked to stop, and is killed: {error}")
            return False
        return True

    def _ask_all(
        self, question: Callable[[WeaveletControl], tuple[Item, ...]], last: dict[str, tuple[Item, ...]]
    ) -> list[Item]:
        """Return the answers of all weavelets; of one that does not answer now, what it answered `last`.

        The first silence of a weavelet is the last time that it is asked, until it is heard of again.
        """
        replicas = list(self._replicas)
        for replica in replicas:
            if replica.state != "ready":
                continue
            try:
                last[replica.id] = in_time(partial(question, self._control(replica.id)))
            except DeadlineExceeded:
                self._supervisor.found_silent(replica)
            except (RemoteCallError, StoppedError):
                continue  # it has just died
        return [item for replica in replicas for item in last.get(replica.id, ())]

    def _control(self, replica: str) -> WeaveletControl:
        return self.door.control(DEPLOYER, replica, self._placed[replica].address)

    def _abandon(self) -> None:
        """Leave nothing behind: no process, no thread, no socket, no file."""
        try:
            self._supervisor.close()
        finally:
            self._stage = "stopped"
            self.door.stop(0.0)
            for contact in self._end_contact(list(self._contacts)):
                contact.join()
            self._sockets.release()

    def _failed(self, error: DeployError) -> None:
        self.door.stop(0.0, f"its deployment has failed: {error}")


def _is_listening(replica: Replica) -> bool:
    return replica.is_ready and not replica.is_paused


def _must_be_alone(group: Group, plan: Plan) -> str:
    """Return why there can be only one replica of `group`; empty when there can be more."""
    if plan.main in group.components:
        return f"{plan.main} is the Main of the application, whose body runs once. Scale what it calls."
    if EmbeddedStores.__name__ in group.components:
        return "the embedded stores keep their data in memory, so there is one of them."
    return ""


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise DeployError("the working directory has been deleted. Change to one that exists (os.chdir).") from error
