"""The called side of a call: find the method, set the context it came with, run it, send back what it added.

The server's threads and tasks come in through `call` and `call_async`. A component that is not ready yet
makes its callers wait (within their deadlines), so weavelets can start in any order.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections.abc import Callable
from typing import Any

from weaverlab.antipode import Lineage
from weaverlab.antipode import context as lineage_context
from weaverlab.clock import Clock
from weaverlab.errors import DeadlineExceeded, Unreachable
from weaverlab.history import Finished, Started
from weaverlab.runtime import context, failures
from weaverlab.runtime.recorder import Recorder
from weaverlab.runtime.remote import Identity
from weaverlab.transport import Call, Reply

_NO_LINEAGE = Lineage.empty()
TRACE_ID_BYTES = context.TRACE_ID_DIGITS // 2


class HostedMethod:
    """One method of a component hosted here; it can be called once `open` has been."""

    __slots__ = ("_function", "_ready", "has_keywords", "identity", "name")

    def __init__(self, name: str, has_keywords: bool, identity: Identity) -> None:
        self.name = name
        self.has_keywords = has_keywords
        self.identity = identity
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()  # for threads and tasks alike
        self._function: Callable[..., Any] | None = None

    @property
    def is_open(self) -> bool:
        return self._function is not None

    def open(self, function: Callable[..., Any]) -> None:
        """Let calls in: the component's `init` has ended."""
        self._function = function
        self._ready.set_result(None)

    def wait_open(self, timeout_s: float) -> None:
        """Wait until the component is ready, at most for the call's time."""
        try:
            self._ready.result(timeout_s)
        except concurrent.futures.TimeoutError:
            raise self._late() from None

    async def wait_open_async(self, timeout_s: float) -> None:
        """The same, for a task. It takes no thread of the loop's executor: the `init` may need them all."""
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._ready)), timeout_s)
        except asyncio.TimeoutError:
            raise self._late() from None

    def _late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self.identity.component}.init() had not ended when the call's time ran out.")

    def invoke(self, args: tuple[Any, ...]) -> Any:
        """Call the method with what came over the wire: keyword arguments are one dict at the end."""
        assert self._function is not None
        return self._function(*args[:-1], **args[-1]) if self.has_keywords else self._function(*args)


class Dispatcher:
    """Executes the calls that reach this weavelet; the transport's `Handler`.

    Whatever goes wrong becomes a reply; only a task's cancellation gets out.
    """

    def __init__(self, methods: list[HostedMethod | None], clock: Clock, recorder: Recorder) -> None:
        self._methods = methods
        self._clock = clock
        self._recorder = recorder
        self.load = 0  # calls in flight; changed in single steps of the interpreter, so without a lock

    def call(self, call: Call) -> Reply:
        """Execute a sync method on the connection's thread, in a context of its own."""
        self.load += 1
        try:
            return contextvars.Context().run(self._call, call)
        finally:
            self.load -= 1

    def _call(self, call: Call) -> Reply:
        arrived = _NO_LINEAGE
        try:
            method = self._method(call)
            arrived = self._enter(call)
            if not method.is_open:
                method.wait_open(call.timeout_s)
            self._started(method, call)
            return self._done(method, call, arrived, method.invoke(call.args()))
        except BaseException as error:  # SystemExit too: a method does not end the process it runs in
            return self._failed(call, arrived, error)

    async def call_async(self, call: Call) -> Reply:
        """Execute an async method; the server gives every call a task, hence a context, of its own."""
        arrived = _NO_LINEAGE
        self.load += 1
        try:
            method = self._method(call)
            _forget_surroundings()
            arrived = self._enter(call)
            if not method.is_open:
                await method.wait_open_async(call.timeout_s)
            self._started(method, call)
            return self._done(method, call, arrived, await method.invoke(call.args()))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            return self._failed(call, arrived, error)
        finally:
            self.load -= 1

    def failure(self, call: Call, error: BaseException) -> object:
        """Return what stands for `error` when the transport could not send a reply, or a call ended with none."""
        return failures.pack(error, "this weavelet")

    def _method(self, call: Call) -> HostedMethod:
        method = self._methods[call.method] if call.method < len(self._methods) else None
        if method is None:
            raise Unreachable(f"method number {call.method} is not hosted by this weavelet")
        return method

    def _enter(self, call: Call) -> Lineage:
        """Set deadline, trace, metadata and lineage as they came, in a context that has none; return the lineage."""
        context.deadline.set(self._clock.now_s() + call.timeout_s)
        if call.trace:
            context.trace.set(call.trace[:TRACE_ID_BYTES].hex())
            context.span.set(call.trace[TRACE_ID_BYTES:].decode())
        if call.metadata:
            context.packed_metadata.set(call.metadata)
        if not call.lineage:
            return _NO_LINEAGE
        arrived = Lineage.unpack(call.lineage)
        lineage_context.replace(arrived)
        return arrived

    def _started(self, method: HostedMethod, call: Call) -> None:
        if call.trace:
            me, span = method.identity, context.span.get()
            now_s, request = self._clock.now_s(), context.trace.get()
            self._recorder.record(Started(now_s, request, me.component, me.replica, me.region, span, method.name))

    def _finished(self, method: HostedMethod, call: Call, error: str) -> None:
        if call.trace:
            me, span = method.identity, context.span.get()
            now_s, request = self._clock.now_s(), context.trace.get()
            self._recorder.record(Finished(now_s, request, me.component, me.replica, me.region, span, error))

    def _done(self, method: HostedMethod, call: Call, arrived: Lineage, value: object) -> Reply:
        self._finished(method, call, "")
        return Reply(call.call_id, True, _added(arrived), value)

    def _failed(self, call: Call, arrived: Lineage, error: BaseException) -> Reply:
        """Return the exception as a reply, with the lineage that the callee added before it raised."""
        method = self._methods[call.method] if call.method < len(self._methods) else None
        where = "this weavelet"
        if method is not None:
            self._finished(method, call, type(error).__name__)
            where = f"{method.identity.component}.{method.name} at {method.identity.replica}"
        return Reply(call.call_id, False, _added(arrived), failures.pack(error, where))


def _forget_surroundings() -> None:
    """Empty the context of a task: it began with a copy of the one its connection was read in, perhaps a request's."""
    context.trace.set("")
    context.span.set("")
    context.packed_metadata.set(b"")
    lineage_context.replace(_NO_LINEAGE)


def _added(arrived: Lineage) -> bytes:
    """Return, packed, what the callee's lineage has beyond what arrived; empty when it has nothing."""
    now = lineage_context.current()
    return b"" if now is arrived else now.added_since(arrived).pack()
