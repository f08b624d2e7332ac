"""What another process of this user may ask of a deployment: an ordinary component, served by the deployer.

`publish` lets others find a deployment (`weaverlab.registry`) and ask it. The side that asks is not in here: see
`attached`.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Protocol

from weaverlab import registry
from weaverlab.clock import SystemClock, secret_bytes
from weaverlab.component import Implements, Interface, build_application, not_retriable
from weaverlab.config import WeaverlabSection
from weaverlab.deployers.output import LogPage, Output
from weaverlab.deployers.placing import SECRET_BYTES, socket_directory
from weaverlab.deployers.plan import Plan
from weaverlab.errors import WeaverError
from weaverlab.history import Event
from weaverlab.observe import Snapshot
from weaverlab.registry import Record
from weaverlab.runtime.dispatch import HostedMethod
from weaverlab.runtime.dispatch_streams import StreamDispatcher
from weaverlab.runtime.recorder import Recorder
from weaverlab.runtime.remote import Identity
from weaverlab.runtime.version import WEAVERLAB_VERSION
from weaverlab.transport import Server

LOG_WAIT_S = 1.0  # how long one question for new log entries may wait for them
CLOSE_DRAIN_S = 0.5  # for the last answers to be sent


class Watched(Protocol):
    """What is asked of a deployment, here or elsewhere."""

    id: str
    when_asked_to_stop: Callable[[float], None]

    def status(self) -> Snapshot:
        """Return what it is and does now."""

    def events(self) -> tuple[Event, ...]:
        """Return the newest events of traced requests."""

    def log_page(self, after: int, wait_s: float) -> LogPage:
        """Return log entries from number `after` on, a page at most; wait for the first up to `wait_s` seconds."""


class DeploymentAdmin(Interface):
    """A deployment, as other processes see it."""

    def status(self) -> Snapshot:
        """Return what the deployment is and does now."""
        raise NotImplementedError

    def events(self) -> tuple[Event, ...]:
        """Return the newest events of traced requests."""
        raise NotImplementedError

    def log_page(self, after: int, wait_s: float) -> LogPage:
        """Return log entries from number `after` on, a page at most; wait for the first up to `wait_s` seconds."""
        raise NotImplementedError

    @not_retriable
    def stop(self, drain_s: float) -> None:
        """Begin to stop in order, giving calls in flight `drain_s` seconds; returns at once."""
        raise NotImplementedError


class LocalAdmin(Implements[DeploymentAdmin]):
    """Answers for a deployment of this process. Made and filled in by `publish`."""

    deployment: Watched

    def status(self) -> Snapshot:
        return self.deployment.status()

    def events(self) -> tuple[Event, ...]:
        return self.deployment.events()

    def log_page(self, after: int, wait_s: float) -> LogPage:
        return self.deployment.log_page(after, min(wait_s, LOG_WAIT_S))

    def stop(self, drain_s: float) -> None:
        # On a thread of its own: stopping ends this server too, which waits for the answer to be sent.
        stop = self.deployment.when_asked_to_stop
        threading.Thread(target=stop, args=(drain_s,), name="weaverlab-stop", daemon=True).start()


_SPEC = build_application([LocalAdmin]).components[LocalAdmin.__name__]
METHOD_NUMBERS = {method.name: number for number, method in enumerate(_SPEC.methods)}  # as they go over the wire


def publish(deployment: Watched, output: Output, plan: Plan, deployer: str) -> contextlib.ExitStack:
    """Let other processes of this user find `deployment` and ask it, until the result is closed.

    Where that cannot be (a full disk, no home), log why: the deployment runs all the same.
    """
    with contextlib.ExitStack() as published:
        try:
            sockets = socket_directory()
            published.callback(sockets.release)
            address, secret = f"unix:{sockets.path / 'admin.sock'}", secret_bytes(SECRET_BYTES)
            server = _serve(deployment, output, address, secret)
            published.callback(server.stop, CLOSE_DRAIN_S)
            now_s, pid = SystemClock.wall_s(), os.getpid()
            file = registry.register(
                Record(deployment.id, _name(plan), deployer, WEAVERLAB_VERSION, pid, now_s, address, secret.hex())
            )
            published.callback(file.release)
        except (OSError, WeaverError) as error:
            _note(output, f"other terminals will not see this deployment: {error}")
            published.close()
        return published.pop_all()


def _serve(deployment: Watched, output: Output, address: str, secret: bytes) -> Server:
    admin = LocalAdmin()
    admin.deployment = deployment
    me = Identity(_SPEC.name, "deployer", "")
    methods: list[HostedMethod | None] = []
    for method in _SPEC.methods:
        hosted = HostedMethod(method.name, has_keywords=False, identity=me)
        hosted.open(getattr(admin, method.name))
        methods.append(hosted)

    def rejected(reason: str) -> None:
        _note(output, f"refused a connection: {reason}")

    dispatcher = StreamDispatcher(methods, SystemClock, Recorder(), WeaverlabSection().call_timeout_s)
    server = Server(address, secret, dispatcher, rejected)
    server.start()
    return server


def _note(output: Output, message: str) -> None:
    output.log(
        {
            "wall_s": SystemClock.wall_s(),
            "level": "WARNING",
            "component": "deployer",
            "replica": "deployer/admin",
            "message": message,
        }
    )


def _name(plan: Plan) -> str:
    """Return what people would call this application: its Main and the file that defines it, or its components."""
    if plan.main is None:
        first, *more = reversed(plan.authored.components)  # callers come last
        return f"{first} and {len(more)} more" if more else first
    module = plan.app.components[plan.main].implementation.__module__
    return plan.main if module == "__main__" else f"{module}.{plan.main}"
