"""Making handles: for each caller and callee the local or the remote kind, counted and, if asked for, traced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from weaverlab.clock import Clock
from weaverlab.component import Application, ComponentSpec, MethodSpec, build_application
from weaverlab.component.router import key_function
from weaverlab.config import Balance
from weaverlab.history import Finished, Invoked, Returned, Started
from weaverlab.observe import MethodMetrics, MethodStats
from weaverlab.routing import Member, slot_of
from weaverlab.runtime import context
from weaverlab.runtime.branch_host import BranchHost
from weaverlab.runtime.control import Control, WeaveletControl
from weaverlab.runtime.handles import local_handle, remote_handle
from weaverlab.runtime.links import Links
from weaverlab.runtime.local_streams import read, read_async
from weaverlab.runtime.recorder import Recorder
from weaverlab.runtime.remote import Identity, RemoteMethod
from weaverlab.runtime.remote_streams import StreamingRemote
from weaverlab.runtime.replicas import Members, Replicas
from weaverlab.runtime.twice import Twice
from weaverlab.stores import EmbeddedStores

CONTROL = build_application([Control]).components[Control.__name__]
BRANCH_HOST = build_application([BranchHost]).components[BranchHost.__name__]
EVERYWHERE = (CONTROL, BRANCH_HOST)  # what every weavelet hosts
INTERNAL = (Control, BranchHost, EmbeddedStores)  # what WeaverLab itself calls is no part of a request's story


def method_table(app: Application) -> tuple[tuple[str, MethodSpec], ...]:
    """Return every (component, method) that can be called over the wire; the index is the method's number."""
    return app.methods() + tuple((spec.name, method) for spec in EVERYWHERE for method in spec.methods)


class Calling:
    """Makes the handles of one weavelet. `instances` grows while its components are opened."""

    def __init__(
        self,
        app: Application,
        instances: Mapping[str, object],
        links: Links,
        metrics: MethodMetrics,
        recorder: Recorder,
        call_timeout_s: float,
        balance: Balance,
        calls_twice: bool,
        times_local_calls: bool,
    ) -> None:
        self._app = app
        self._instances = instances
        self._links = links
        self._metrics = metrics
        self._recorder = recorder
        self._call_timeout_s = call_timeout_s
        self._balance: Balance = balance
        self._calls_twice = calls_twice
        self._timed_by = links.clock.now_s if times_local_calls else None
        self._numbers = {(name, method.name): i for i, (name, method) in enumerate(method_table(app))}

    def handle(self, caller: Identity, callee: str, callee_identity: Identity) -> Any:
        """Return `caller`'s handle to component `callee`: a local one where it is hosted here, else a remote one."""
        spec = self._app.components[callee]
        if callee not in self._instances:
            return self._remote(caller, spec, lambda table: table.members.get(callee, ()))
        stats = {m.name: self._metrics.stats(caller.component, callee, m.name, remote=False) for m in spec.methods}
        tracing = LocalTracing(caller, callee_identity, self._recorder, self._links.clock)
        traced = _untraced if spec.implementation in INTERNAL else tracing.wrap
        return local_handle(spec, self._instances[callee], stats, traced, tracing.reader, self._timed_by)

    def control(self, caller: Identity, replica: str, address: str) -> WeaveletControl:
        """Return a handle to the control component of weavelet `replica` at `address`."""
        member = Member(replica, address)
        handle: WeaveletControl = self._remote(caller, CONTROL, lambda table: (member,))
        return handle

    def branch_host(self, caller: Identity, replica: str) -> BranchHost | None:
        """Return a handle to what knows of the branches of weavelet `replica`; None when there is no such weavelet."""
        members = [one for ones in self._links.table.members.values() for one in ones if one.replica == replica]
        if not members:
            return None
        handle: BranchHost = self._remote(caller, BRANCH_HOST, lambda table: (members[0],))
        return handle

    def _remote(self, caller: Identity, spec: ComponentSpec, members: Members) -> Any:
        methods = {
            method.name: RemoteMethod(
                self._numbers[spec.name, method.name],
                method.name,
                method.retriable,
                self._metrics.stats(caller.component, spec.name, method.name, remote=True),
                _slots(spec, method),
            )
            for method in spec.methods
        }
        is_traced = spec.implementation not in INTERNAL
        replicas = Replicas(spec.name, self._links, members, self._balance, for_control=spec is CONTROL)
        remote = StreamingRemote(caller, spec, replicas, self._links, self._recorder, self._call_timeout_s, is_traced)
        return remote_handle(spec, methods, Twice(remote) if self._calls_twice and is_traced else remote)


class LocalTracing:
    """Records the four events of a local call. Only calls of a traced request come here."""

    def __init__(self, caller: Identity, callee: Identity, recorder: Recorder, clock: Clock) -> None:
        self._caller = caller
        self._callee = callee
        self._recorder = recorder
        self._clock = clock

    def wrap(self, method: MethodSpec, target: Callable[..., Any]) -> Callable[..., Any]:
        """Return `target`, recorded."""

        def traced(*args: Any, **keywords: Any) -> Any:
            span = self.begin(method.name)
            token = context.span.set(span)
            try:
                value = target(*args, **keywords)
            except BaseException as error:
                self.end(span, type(error).__name__)
                raise
            finally:
                context.span.reset(token)
            self.end(span, "")
            return value

        async def traced_async(*args: Any, **keywords: Any) -> Any:
            span = self.begin(method.name)
            token = context.span.set(span)
            try:
                value = await target(*args, **keywords)
            except BaseException as error:
                self.end(span, type(error).__name__)
                raise
            finally:
                context.span.reset(token)
            self.end(span, "")
            return value

        return traced_async if method.is_async else traced

    def reader(self, method: MethodSpec, stats: MethodStats) -> Callable[[Callable[[], Any]], Any]:
        """Return what reads the stream of a call; it records those of traced requests."""
        return partial(read_async if method.is_async else read, name=method.name, stats=stats, tracing=self)

    def begin(self, method: str) -> str:
        caller, callee, now_s, request = self._caller, self._callee, self._clock.now_s(), context.trace.get()
        span = self._recorder.new_span(caller.component, caller.replica)
        record = self._recorder.record
        record(Invoked(now_s, request, caller.component, caller.replica, caller.region, span, callee.component, method))
        record(Started(now_s, request, callee.component, callee.replica, callee.region, span, method))
        return span

    def end(self, span: str, error: str) -> None:
        caller, callee, now_s, request = self._caller, self._callee, self._clock.now_s(), context.trace.get()
        record = self._recorder.record
        record(Finished(now_s, request, callee.component, callee.replica, callee.region, span, error))
        record(Returned(now_s, request, caller.component, caller.replica, caller.region, span, error))


def _slots(spec: ComponentSpec, method: MethodSpec) -> Callable[[tuple[Any, ...]], int] | None:
    """Return what finds the slot of a call by its arguments, None where calls are not routed by key."""
    key = key_function(spec, method)
    return None if key is None else lambda args: slot_of(key(args))


def _untraced(method: MethodSpec, target: Callable[..., Any]) -> Callable[..., Any]:
    return target
