"""The weavelet: hosts replicas of some components, runs their life cycle, and serves their calls.

A weavelet that hosts nothing and has no address is how a deployer (a notebook, a test) calls into its own
deployment. Everything here works the same in one process and in many; processes are not in here.
"""

from __future__ import annotations

import contextvars
import inspect
import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from weaverlab.clock import Clock, Rng, SystemClock, system_rng
from weaverlab.component import Application, ComponentSpec, Listener, fill
from weaverlab.config import section
from weaverlab.history import Event
from weaverlab.observe import CheckpointCounts, Checkpoints, MethodCounts, MethodMetrics
from weaverlab.routing import RoutingTable
from weaverlab.runtime import context, listeners
from weaverlab.runtime.branch_host import BranchHost, BranchWaiter
from weaverlab.runtime.calling import CONTROL, EVERYWHERE, Calling, method_table
from weaverlab.runtime.control import Control, Health, Orders, WeaveletControl
from weaverlab.runtime.dispatch import HostedMethod
from weaverlab.runtime.dispatch_streams import StreamDispatcher
from weaverlab.runtime.fakes import Fake
from weaverlab.runtime.links import Links
from weaverlab.runtime.logs import LogSink, component_logger
from weaverlab.runtime.permissions import Gate
from weaverlab.runtime.placement import Placement
from weaverlab.runtime.recorder import Recorder
from weaverlab.runtime.remote import Identity
from weaverlab.stores import Antipode, EmbeddedStores, Host, Pools, open_datastores
from weaverlab.stores.branches import here
from weaverlab.transport import LoopThread, Server
from weaverlab.transport.tls import Credentials, Tls
from weaverlab.transport.turns import turns
from weaverlab.types import WeaverInfo

SHUTDOWN_TIMEOUT_S = 5.0  # of one component's async shutdown(); a sync one is bounded by the deployer, which kills


class Weavelet:
    """Hosts `placement.hosted` of `app`. `start`, then `stop`, once each."""

    def __init__(
        self,
        app: Application,
        placement: Placement,
        log: LogSink,
        orders: Orders | None = None,
        clock: Clock = SystemClock,
        rng: Rng | None = None,
        fakes: Mapping[str, object] | None = None,
        calls_twice: bool = False,
    ) -> None:
        """`fakes` are objects that answer for components, by name; `calls_twice` is explained in `twice`."""
        self.replica = placement.replica
        self._app = app
        self._placement = placement
        self._log = log
        self._orders = orders or queue.SimpleQueue()
        self._clock = clock
        self._tls = None if placement.credentials is None else Tls(placement.credentials)
        self._links = Links(placement.secret, clock, rng or system_rng(), placement.routing, self._tls)
        self._metrics = MethodMetrics()
        self._recorder = Recorder()
        self._checkpoints = Checkpoints()
        self._instances: dict[str, Any] = {}
        self._listeners: dict[str, Listener] = {}
        self._pools = Pools()
        self._loop: LoopThread | None = None
        self._beginning = threading.Lock()  # guards the beginning of _loop, which a caller's connection may cause
        self._server: Server | None = None
        timeout_s = placement.config.weaverlab.call_timeout_s
        self._fakes = {name: Fake(app.components[name], fake) for name, fake in (fakes or {}).items()}
        self._calling = Calling(
            app,
            self._instances,
            self._links,
            self._metrics,
            self._recorder,
            timeout_s,
            placement.config.multi.balance,
            calls_twice,
            placement.config.weaverlab.time_local_calls,
        )

    def start(self) -> None:
        """Serve at once, then make every hosted component in dependency order and run its `init`.

        Callers of a component that is not ready wait for it within their deadlines. If an `init` raises, what
        was opened is shut down again and the exception goes on.
        """
        turns.shorten()
        methods = self._hosted_methods()
        try:
            if self._placement.address:
                self._serve(methods)
            for name, fake in self._fakes.items():
                self._instances[name] = fake
                self._let_calls_in(name, fake, methods)
            for name, spec in self._app.components.items():
                if name in self._placement.hosted:
                    self._open(spec, methods)
        except BaseException:
            self.stop(drain_s=0.0)
            raise

    def stop(self, drain_s: float, because: str = "its deployment has been stopped.") -> None:
        """Let calls in flight and branches end for `drain_s` seconds; shut components down, callers before callees.

        Handles that this weavelet made raise `StoppedError` from then on; it names the reason.
        """
        ends_s = self._clock.now_s() + drain_s
        try:
            if self._server is not None:
                self._server.stop(drain_s)
            if here.home == self.replica:  # else the process, and its branches, go on
                here.wait_idle(ends_s - self._clock.now_s())
            for name in reversed(list(self._instances)):
                self._shut_down(name)
        finally:  # also when Ctrl-C is pressed in a shutdown()
            self._instances.clear()
            for listener in self._listeners.values():
                listener.socket.close()
            for fake in self._fakes.values():
                fake._close(because)
            self._links.close(because)
            self._pools.close()
            if self._loop is not None:
                self._loop.stop()

    def run_main(self) -> None:
        """Run the body of the hosted Main component to its end."""
        main = next(instance for name, instance in self._instances.items() if self._app.components[name].is_main)
        self._run(main.main)

    def handle(self, caller: Identity, callee: str) -> Any:
        """Return a handle to component `callee`, on behalf of `caller`."""
        return self._calling.handle(caller, callee, self._identity(callee))

    def control(self, caller: Identity, replica: str, address: str) -> WeaveletControl:
        """Return a handle to the control component of another weavelet."""
        return self._calling.control(caller, replica, address)

    def update_routing(self, table: RoutingTable) -> None:
        """Route calls by `table` from now on, unless a newer one has come."""
        self._links.update(table)

    def renew(self, credentials: Credentials) -> None:
        """Prove by these who this is, from now on."""
        assert self._tls is not None  # else nobody signs any
        self._tls.renew(credentials)

    def listener_addresses(self) -> dict[str, str]:
        """Return where the listeners of hosted components are bound, by listener name."""
        return {name: listener.addr for name, listener in self._listeners.items()}

    def counts(self) -> tuple[MethodCounts, ...]:
        """Return what the components here have called so far."""
        return self._metrics.snapshot()

    def checkpoints(self) -> tuple[CheckpointCounts, ...]:
        """Return what was seen at the checkpoints here."""
        return self._checkpoints.snapshot()

    def events(self) -> tuple[Event, ...]:
        """Return the newest events of traced requests."""
        return self._recorder.events()

    def _hosted_methods(self) -> list[HostedMethod | None]:
        """Return the method table of this weavelet: None where another weavelet hosts the component."""
        hosted = {*self._placement.hosted, *self._fakes, *(spec.name for spec in EVERYWHERE)}
        return [
            HostedMethod(method.name, method.has_keywords, self._identity(name)) if name in hosted else None
            for name, method in method_table(self._app)
        ]

    def _serve(self, methods: list[HostedMethod | None]) -> None:
        control = Control()
        timeout_s = self._placement.config.weaverlab.call_timeout_s
        dispatcher = StreamDispatcher(methods, self._clock, self._recorder, timeout_s)
        control.metrics, control.recorder, control.orders = self._metrics, self._recorder, self._orders
        control.seen = self._checkpoints
        control.look = lambda: Health(dispatcher.load - 1, self._links.table.version)
        control.route = self.update_routing
        control.certify = self.renew
        self._let_calls_in(CONTROL.name, control, methods)
        self._let_calls_in(BranchHost.__name__, BranchHost(), methods)
        self._server = Server(
            self._placement.address,
            self._placement.secret,
            dispatcher,
            self._rejected,
            gate=self._gate(dispatcher),
            loop=lambda: self._own_loop().loop,
        )
        self._server.start()

    def _gate(self, dispatcher: StreamDispatcher) -> Gate | None:
        if self._tls is None:
            return None
        methods = [(component, method.name) for component, method in method_table(self._app)]
        return Gate(self._tls, dispatcher, methods, self._placement.may_call, self._note)

    def _open(self, spec: ComponentSpec, methods: list[HostedMethod | None]) -> None:
        """Make one component, fill its fields, run its `init`, let calls in."""
        me = self._identity(spec.name)
        instance = self._make(spec)
        bound = {field: self._listen(name) for field, name in spec.listeners.items()}
        fill(
            instance,
            refs={field: self.handle(me, callee) for field, callee in spec.refs.items()},
            listeners=bound,
            agents=self._agents(spec, me),
            config=self._config(spec),
            logger=component_logger(self._log, me.component, me.replica, me.region),
            weaver=self._info(me),
        )
        if hasattr(instance, "init"):
            self._run(instance.init)
        self._instances[spec.name] = instance
        self._let_calls_in(spec.name, instance, methods)

    def _make(self, spec: ComponentSpec) -> Any:
        if spec.implementation is EmbeddedStores:
            return EmbeddedStores(tuple(self._placement.config.antipode.values()), self._clock)
        return spec.implementation()

    def _agents(self, spec: ComponentSpec, me: Identity) -> dict[str, Antipode]:
        """Return the datastore agents of one component, by field."""
        if not spec.agents:
            return {}
        host = Host(
            me.component,
            me.replica,
            me.region,
            self._clock,
            self._placement.config.weaverlab.barriers,
            self._placement.config.weaverlab.barrier_faults,
            record=self._recorder.record,
            trace=context.trace.get,
            follow=context.trace.set,
            remaining_s=context.remaining_s,
            checkpoints=self._checkpoints,
            branches=BranchWaiter(lambda replica: self._calling.branch_host(me, replica)).wait,
        )
        has_embedded = EmbeddedStores.__name__ in self._app.components
        service = self.handle(me, EmbeddedStores.__name__) if has_embedded else None
        config = self._placement.config
        datastores = open_datastores(config.antipode.values(), service, host, config.environ, self._pools)
        return {field: datastores.agent(name) for field, name in spec.agents.items()}

    def _let_calls_in(self, component: str, instance: object, methods: list[HostedMethod | None]) -> None:
        for hosted in methods:
            if hosted is not None and hosted.identity.component == component:
                hosted.open(getattr(instance, hosted.name))

    def _shut_down(self, name: str) -> None:
        """Run one component's `shutdown`; its failure is logged, the others still get theirs."""
        shutdown = getattr(self._instances[name], "shutdown", None)
        if shutdown is None:
            return
        try:
            self._run(shutdown, SHUTDOWN_TIMEOUT_S)
        except (Exception, SystemExit):  # the application's code may raise anything
            me = self._identity(name)
            component_logger(self._log, me.component, me.replica, me.region).exception("shutdown() failed")

    def _run(self, function: Callable[[], Any], timeout_s: float | None = None) -> None:
        """Run a sync or async life-cycle method in a fresh context, so nothing of the deployer's own leaks in."""
        if inspect.iscoroutinefunction(function):
            self._own_loop().run(function(), timeout_s)
        else:
            contextvars.Context().run(function)

    def _own_loop(self) -> LoopThread:
        """Return the loop that async methods run on; it begins when the first one does: it costs 0.7 MB and 1 ms."""
        with self._beginning:
            if self._loop is None:
                self._loop = LoopThread(f"weavelet-loop {self._placement.replica}")
            return self._loop

    def _listen(self, name: str) -> Listener:
        address = self._placement.listeners.get(name, listeners.ANY_FREE_PORT)
        self._listeners[name] = listeners.bind(name, address, self._placement.proxies.get(name, ""))
        return self._listeners[name]

    def _config(self, spec: ComponentSpec) -> object:
        if spec.config_class is None:
            return None
        return section(self._placement.config, spec.name, spec.config_class)

    def _identity(self, component: str) -> Identity:
        return Identity(component, self._placement.replica, self._placement.regions.get(component, ""))

    def _info(self, me: Identity) -> WeaverInfo:
        where = self._placement
        return WeaverInfo(where.deployment_id, me.component, me.replica, os.getpid(), where.version, me.region)

    def _rejected(self, reason: str) -> None:
        self._note(f"refused a connection: {reason}")

    def _note(self, what: str) -> None:
        component_logger(self._log, "weavelet", self._placement.replica, "").warning("%s", what)
