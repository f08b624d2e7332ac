"""Deployers that need no other process.

`Single`: one weavelet hosts everything, and calls are Python calls. `Rpc`: the weavelets that `multi` would start
are all in this process and talk over the real data plane, and every call that may be repeated is: tests use it to find
what only breaks on a wire, or when a lost call is repeated.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from weaverlab.deployers.backend import Follow, Progress, addresses_by_listener
from weaverlab.deployers.mainbody import MainBody
from weaverlab.deployers.output import Output
from weaverlab.deployers.placing import authority_for, place, socket_directory
from weaverlab.deployers.plan import Plan
from weaverlab.errors import DeployError, WeaverError
from weaverlab.history import Event
from weaverlab.observe import CheckpointCounts, MethodCounts, merge, merge_checkpoints
from weaverlab.observe.snapshot import State
from weaverlab.routing import RoutingTable
from weaverlab.runtime.failures import remote_traceback
from weaverlab.runtime.placement import Placement
from weaverlab.runtime.weavelet import Weavelet
from weaverlab.types import ReplicaInfo, ReplicaState

_REPLICA_STATES: dict[State, ReplicaState] = {
    "starting": "starting",
    "running": "ready",
    "stopping": "ready",
    "stopped": "stopped",
    "failed": "dead",
}


class InProcess:
    """What `Single` and `Rpc` share: weavelets in this process, callees first, and the door to them."""

    name: str

    def __init__(self, placements: list[Placement], weavelets: list[Weavelet], door: Weavelet) -> None:
        self._placements = placements
        self._weavelets = weavelets
        self.door = door
        self.state: State = "starting"
        self.failure: BaseException | None = None
        main = (w for w, placed in zip(weavelets, placements, strict=True) if placed.runs_main)
        self._body = MainBody(next(main, None))

    def start(self, progress: Progress) -> None:
        started: list[Weavelet] = []
        try:
            if self.door not in self._weavelets:
                self.door.start()
            for weavelet in self._weavelets:
                progress(len(started), len(self._weavelets))
                weavelet.start()
                started.append(weavelet)
            progress(len(started), len(self._weavelets))
        except BaseException as error:
            self.state, self.failure = "failed", error
            self._stop(started, drain_s=0.0)
            if isinstance(error, (Exception, SystemExit)):
                raise DeployError(f"failed before it was ready.\n{remote_traceback(error)}") from error
            raise
        self.state = "running"

    @property
    def main_runs(self) -> bool:
        return self._body.runs

    def start_main(self) -> None:
        self._body.start()

    def run_main(self) -> None:
        self._body.run()

    def scale(self, component: str, count: int, drain_s: float) -> None:
        raise self._needs_processes("scale")

    def kill(self, replica: str) -> None:
        raise self._needs_processes("kill")

    def pause(self, replica: str) -> None:
        raise self._needs_processes("pause")

    def resume(self, replica: str) -> None:
        raise self._needs_processes("resume")

    def _needs_processes(self, verb: str) -> WeaverError:
        return WeaverError(
            f"{verb} needs replicas that are processes of their own; under {self.name!r} all are in this one. "
            'Deploy with deployer="multi".'
        )

    def stop(self, drain_s: float) -> None:
        if self.state == "running":
            self.state = "stopping"
            try:
                self._stop(self._weavelets, drain_s)
            finally:
                self.state = "stopped"
                self._body.abandon()

    def _stop(self, weavelets: list[Weavelet], drain_s: float) -> None:
        with contextlib.ExitStack() as stack:  # each is stopped, also when Ctrl-C is pressed again
            if self.door not in self._weavelets:
                stack.callback(self.door.stop, 0.0)
            for weavelet in weavelets:
                stack.callback(weavelet.stop, drain_s)

    def replicas(self) -> tuple[ReplicaInfo, ...]:
        state: ReplicaState = _REPLICA_STATES[self.state]
        return tuple(
            ReplicaInfo(placed.replica, placed.hosted, os.getpid(), placed.address, state == "ready", 0, state)
            for placed in self._placements
        )

    def listeners(self) -> dict[str, tuple[str, ...]]:
        return addresses_by_listener(weavelet.listener_addresses() for weavelet in self._weavelets)

    def follow_listeners(self, follow: Follow) -> None:
        follow(self.listeners(), ())

    def checkpoints(self) -> tuple[CheckpointCounts, ...]:
        return merge_checkpoints(one for weavelet in self._weavelets for one in weavelet.checkpoints())

    def counts(self) -> tuple[MethodCounts, ...]:
        return merge(one for weavelet in {*self._weavelets, self.door} for one in weavelet.counts())

    def events(self) -> tuple[Event, ...]:
        events = [event for weavelet in {*self._weavelets, self.door} for event in weavelet.events()]
        return tuple(sorted(events, key=lambda event: event.at_s))


class Single(InProcess):
    """Everything in one weavelet in this process."""

    name = "single"

    def __init__(self, plan: Plan, deployment_id: str, output: Output) -> None:
        everything = tuple(name for name in plan.app.components if name not in plan.fakes)
        placement = Placement(
            deployment_id=deployment_id,
            version="",
            replica="single/0",
            hosted=everything,
            address="",
            routing=RoutingTable(),
            regions=plan.regions,
            listeners=plan.config.single.listeners,
            config=plan.config,
            secret=b"",
            runs_main=plan.main is not None,
        )
        weavelet = Weavelet(plan.app, placement, output.log, fakes=plan.fakes)
        super().__init__([placement], [weavelet], weavelet)


class Rpc(InProcess):
    """One weavelet for each replica of each group, all in this process, over real sockets; calls are made twice."""

    name = "rpc"

    def __init__(self, plan: Plan, deployment_id: str, output: Output, proxies: Mapping[str, str]) -> None:
        authority = authority_for(plan.config, deployment_id, "")
        self._sockets = socket_directory()
        placed = place(plan, deployment_id, "", str(self._sockets.path), proxies)
        if authority is not None:
            placed = {replica: authority.certified(placement) for replica, placement in placed.items()}
        door = Weavelet(plan.app, placed.pop(""), output.log, fakes=plan.fakes, calls_twice=True)
        weavelets = [Weavelet(plan.app, placement, output.log, calls_twice=True) for placement in placed.values()]
        super().__init__(list(placed.values()), weavelets, door)

    def _stop(self, weavelets: list[Weavelet], drain_s: float) -> None:
        try:
            super()._stop(weavelets, drain_s)
        finally:
            self._sockets.release()
