"""A running application as its user holds it: handles, replicas, status, pictures, stop."""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, overload

from weaverlab.clock import SystemClock
from weaverlab.component import registry
from weaverlab.deployers.admin import publish
from weaverlab.deployers.backend import Progress, nobody_follows, nobody_watches
from weaverlab.deployers.configfile import ConfigGiven, load_config
from weaverlab.deployers.fronts import Fronts
from weaverlab.deployers.look import Look
from weaverlab.deployers.output import LogPage, Output
from weaverlab.deployers.version import CLIENT, Asked, Colocation, Deployer, ReplicasWanted, Version, start_version
from weaverlab.errors import DeclarationError, StoppedError, WeaverError, nearest
from weaverlab.history import Event
from weaverlab.observe import Snapshot
from weaverlab.pictures import Picture
from weaverlab.runtime.logs import LogEntry
from weaverlab.types import ReplicaInfo

T = TypeVar("T")
DRAIN_S = 5.0
STRAGGLERS_S = 0.25  # for threads that took a method from a handle just before it led to a new version, and then paused


class Deployment:
    """An application, running: one version of it after the other. Use it as a context manager, or call `stop()`.

    Safe to use from several threads. After `stop()` its handles raise `StoppedError` (but for those that call a
    component in this process directly, under "single"); `status()` and the pictures show the last state.
    """

    def __init__(self, deployment_id: str, version: Version, output: Output, fronts: Fronts) -> None:
        self.id = deployment_id
        self._version = version
        self._output = output
        self._fronts = fronts
        self._changing = threading.RLock()  # held by whoever stops or redeploys; others who want to wait for it
        self._look = Look(deployment_id, version)
        self._scaled: dict[str | type, int] = {}  # what `scale` has set in this version, by component
        self._handles: dict[str, Any] = {}  # one for each component, so that replicas are taken in turn
        self.when_asked_to_stop: Callable[[float], None] = self.stop  # by another process; it gives the drain time
        self._published = contextlib.ExitStack()
        version.backend.follow_listeners(fronts.follow)
        atexit.register(self.stop)  # who forgets stop() gets it; multiprocess would wait for the weavelets for ever

    @overload
    def get(self, component: type[T]) -> T: ...
    @overload
    def get(self, component: str) -> Any: ...
    def get(self, component: type | str) -> Any:
        """Return the handle to a component, named by its interface, its class, or the name of either."""
        self._require_running()
        name = self._version.plan.authored.resolve(component).name
        if name not in self._handles:
            self._handles[name] = self._version.backend.door.handle(CLIENT, name)
        return self._handles[name]

    def replicas(self, component: type | str | None = None) -> list[ReplicaInfo]:
        """Return the weavelets that host `component`, or all of them."""
        replicas = self._version.backend.replicas()
        if component is None:
            return list(replicas)
        name = self._version.plan.app.resolve(component).name
        return [replica for replica in replicas if name in replica.components]

    def listener(self, name: str) -> str:
        """Return the address ("host:port") at which clients reach the listener `name`, whichever replica takes them."""
        addresses = self._version.addresses
        if name not in addresses:
            raise WeaverError(
                f"no listener {name!r} in this deployment.{nearest(name, addresses)} "
                f"It has: {', '.join(sorted(addresses)) or 'none'}."
            )
        return addresses[name]

    def status(self) -> Snapshot:
        """Return what the deployment is and does now; after `stop()`, what it was at the end."""
        return self._look.snapshot()

    def events(self) -> tuple[Event, ...]:
        """Return the newest events of traced requests (`with weaver.request():`), in order of time."""
        return self._look.events()

    def logs(self) -> tuple[LogEntry, ...]:
        """Return the newest log entries and printed lines of all weavelets, oldest first."""
        return self._output.entries()

    def log_page(self, after: int = 0, wait_s: float = 0.0) -> LogPage:
        """Return log entries from number `after` on, a page at most; wait for the first up to `wait_s` seconds."""
        return self._output.page(after, wait_s)

    def callgraph(self) -> Picture:
        """Draw components, replicas and stores, and what was called. It shows this version of the application."""
        from weaverlab.observe.callgraph import callgraph_drawing  # 20 ms, which no deployment need wait for

        look = self._look
        return Picture(lambda: callgraph_drawing(look.snapshot()), lambda: look.is_live)

    def lineage(self, request: str | None = None) -> Picture:
        """Draw one request as a space-time diagram.

        It is the one with the trace id `request`; without one, the newest that was violated, else the newest.
        """
        from weaverlab.observe.spacetime import lineage_drawing

        look = self._look
        return Picture(lambda: lineage_drawing(look.events(), request), lambda: look.is_live)

    def run_main(self) -> None:
        """Run the body of Main to its end; if it has been begun already, wait until it has ended.

        When the application is redeployed meanwhile, it is the body of the new version that is waited for.

        Raises what it raised, or `DeployError` when the deployment failed meanwhile.
        """
        waited_for = None
        while waited_for is not self._version:
            waited_for = self._version
            self._require_main()
            waited_for.backend.run_main()

    def start_main(self) -> None:
        """Begin to run the body of Main in the background, unless it has been begun.

        If its weavelet dies before the body has ended, the body is begun again with it. How it ended is in the log, and
        `run_main()` tells.
        """
        self._require_main()
        self._version.backend.start_main()

    def scale(self, component: type | str, replicas: int, drain_s: float = DRAIN_S) -> None:
        """Let `component`, and what shares its weavelets, have `replicas` replicas; return when it has.

        New ones get calls as soon as all of them are ready; keys of a router move to them as far as they must. When
        there are fewer, those with the highest numbers get no more calls, end those that they have, within `drain_s`,
        and stop.

        Raises:
            WeaverError: the number is not possible; says why.
            DeployError: a new replica failed while it started, with the traceback. Nothing has changed.
        """
        self._require_running()
        name = self._version.plan.app.resolve(component).name
        if isinstance(replicas, bool) or not isinstance(replicas, int) or replicas < 1:
            raise WeaverError(f"replicas of {name}: {replicas!r}; expected a whole number from 1.")
        self._version.backend.scale(name, replicas, drain_s)
        group = next(group for group in self._version.plan.groups if name in group.components)
        self._scaled = {**self._scaled, **dict.fromkeys(group.components, replicas)}

    def kill(self, replica: str) -> None:
        """Kill a replica (`"Storage/1"`) as a fault would: with SIGKILL. It is started again, however often.

        Raises:
            WeaverError: there is no such replica, or it does not run now.
        """
        self._require_running()
        self._version.backend.kill(replica)

    def pause(self, replica: str) -> None:
        """Stop a replica (`"Storage/1"`) in its tracks, with SIGSTOP: as if its machine hung. Calls go to others.

        It stays paused until `resume`, or until it is killed or stopped.

        Raises:
            WeaverError: there is no such replica, or it does not run now.
        """
        self._require_running()
        self._version.backend.pause(replica)

    def resume(self, replica: str) -> None:
        """Let a paused replica go on, with SIGCONT; harmless for one that runs. Raises as `pause`."""
        self._require_running()
        self._version.backend.resume(replica)

    def stop(self, drain_s: float = DRAIN_S) -> None:
        """Stop everything, callers before callees; calls in flight get `drain_s` seconds. Idempotent."""
        with self._changing:
            if self._look.has_ended:
                return
            try:
                self._look.take_last()  # who looks meanwhile sees it whole
            finally:  # also when Ctrl-C ends the taking of figures
                try:
                    self._version.backend.stop(drain_s)
                finally:
                    self._fronts.keep({}, 0.0)
                    self._output.end()
                    self._published.close()
                    atexit.unregister(self.stop)

    def publish(self) -> None:
        """Let other processes of this user see this deployment and stop it (`weaverlab status`) while it runs."""
        self._published = publish(self, self._output, self._version.plan, self._version.backend.name)

    def redeploy(
        self,
        *components: type,
        config: ConfigGiven = None,
        replicas: ReplicasWanted | None = None,
        colocate: Colocation | None = None,
        progress: Progress | None = None,
        drain_s: float = DRAIN_S,
    ) -> None:
        """Replace the application by a new version of it, while callers go on calling.

        The new version is started beside the old one. When all of it is ready, the handles of this deployment lead to
        it, and so do new connections to its listeners; the body of Main begins there if it runs here. Then the old one
        ends the calls and connections it has, within `drain_s`, and is stopped. No component of one version ever
        calls one of the other. Embedded stores begin empty. What is not given stays as it was deployed before. Without
        `components` the same are deployed in their newest definition, as many of each as `scale` has set.

        Take methods from handles when you call them: a method that was kept (`store = handle.store`) stays with its
        version, and raises StoppedError when that has been stopped.

        Raises:
            DeclarationError, ConfigError, BundleError, DeployError: as `deploy`. The old version goes on.
        """
        with self._changing:
            self._require_running()
            old = self._version
            was = old.asked
            scaled = {} if components else self._scaled  # other components may be called otherwise
            self._output.show_anew()
            asked = Asked(
                components or tuple(registry.current(cls) for cls in was.components),
                was.deployer,
                was.config if config is None else load_config(config),
                {**(was.replicas or {}), **scaled} if replicas is None else replicas,
                was.colocate if colocate is None else colocate,
                was.fakes,
            )
            with contextlib.ExitStack() as stack:  # Ctrl-C, too, leaves one of the two
                stack.callback(lambda: self._fronts.keep(self._version.plan.fronts, drain_s))
                new = start_version(asked, self.id, self._output, progress or nobody_watches, self._fronts)
                stack.callback(lambda: (old if self._version is new else new).backend.stop(drain_s))
                if old.backend.main_runs:
                    new.backend.start_main()
                look = self._look
                self._switch_to(new)
                look.take_last()
                SystemClock.sleep(STRAGGLERS_S)
                self._fronts.wait_moved(drain_s)

    def _switch_to(self, new: Version) -> None:
        """Lead all handles and listeners to `new`; handles to what it does not have go down with the old version."""
        interfaces = {name: spec.interface for name, spec in self._version.plan.authored.components.items()}
        handles = {}
        for name, handle in self._handles.items():
            with contextlib.suppress(DeclarationError):
                callee = new.plan.authored.resolve(interfaces[name]).name
                handle._lead_to(new.backend.door.handle(CLIENT, callee))
                handles[callee] = handle
        self._version.backend.follow_listeners(nobody_follows)
        new.backend.follow_listeners(self._fronts.follow)
        self._handles, self._scaled = handles, {}
        self._version, self._look = new, Look(self.id, new)

    @property
    def deployer(self) -> Deployer:
        """What runs it, as `deploy` was told."""
        return self._version.asked.deployer

    @property
    def version(self) -> str:
        """The hash of the code that runs, empty where it has not been shipped to other processes."""
        return self._version.code

    @property
    def failure(self) -> BaseException | None:
        """Why the deployment failed; None while it has not."""
        return self._version.backend.failure

    @property
    def has_main(self) -> bool:
        """Whether there is a Main, whose body can be run."""
        return self._version.plan.main is not None

    @property
    def is_running(self) -> bool:
        """Whether calls can be made."""
        return self._version.backend.state == "running"

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        return str(self.status())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.status()._repr_mimebundle_(include, exclude)

    def _require_running(self) -> None:
        if self._version.backend.failure is not None:
            raise StoppedError(f"this deployment has failed: {self._version.backend.failure}")
        if not self.is_running:
            raise StoppedError(f"deployment {self.id} is {self._version.backend.state}. Deploy again.")

    def _require_main(self) -> None:
        if not self.has_main:
            raise WeaverError("this deployment has no Main. Deploy a class derived from weaverlab.Main to run one.")
