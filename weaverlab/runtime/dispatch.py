"""The called side of a call: find the method, set the context it came with, run it, send back what it added.

The server's threads and tasks come in through `call` and `call_async`. A component that is not ready yet
makes its callers wait (within their deadlines), so weavelets can start in any order.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections.abc import Callable
from typing import Any, NoReturn

from weaverlab.antipode import Lineage
from weaverlab.antipode import context as lineage_context
from weaverlab.clock import Clock
from weaverlab.errors import Cancelled, DeadlineExceeded, ProtocolError, Unreachable
from weaverlab.history import Finished, Started
from weaverlab.runtime import context, failures
from weaverlab.runtime.calling import INTERNAL
from weaverlab.runtime.recorder import Recorder
from weaverlab.runtime.remote import Identity
from weaverlab.transport import Call, Reply
from weaverlab.transport.handler import out_of_time
from weaverlab.transport.hangups import of_this_thread

_NO_LINEAGE = Lineage.empty()
# Asked for every call, so without a frame in between.
_new_context, _set_deadline, _lineage = contextvars.Context, context.deadline.set, lineage_context.current
# What these do is short and leaves something behind (in a store), so it is not cut off in the middle.
_OWN = frozenset(component.__name__ for component in INTERNAL)
TRACE_ID_BYTES = context.TRACE_ID_DIGITS // 2


class HostedMethod:
    """One method of a component hosted here; it can be called once `open` has been."""

    __slots__ = ("_ready", "function", "has_keywords", "identity", "is_own", "name")

    def __init__(self, name: str, has_keywords: bool, identity: Identity) -> None:
        self.name = name
        self.has_keywords = has_keywords
        self.identity = identity
        self.is_own = identity.component in _OWN
        self.function: Callable[..., Any] | None = None  # None until the component is ready
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()  # for threads and tasks alike

    def open(self, function: Callable[..., Any]) -> None:
        """Let calls in: the component's `init` has ended."""
        self.function = _with_keywords(function) if self.has_keywords else function
        self._ready.set_result(None)

    def wait_open(self, timeout_s: float) -> Callable[..., Any]:
        """Wait until the component is ready, at most for the call's time; return what to call."""
        try:
            self._ready.result(timeout_s)
        except concurrent.futures.TimeoutError:
            raise self._late() from None
        assert self.function is not None
        return self.function

    async def wait_open_async(self, timeout_s: float) -> Callable[..., Any]:
        """The same, for a task. It takes no thread of the loop's executor: the `init` may need them all."""
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._ready)), timeout_s)
        except asyncio.TimeoutError:
            raise self._late() from None
        assert self.function is not None
        return self.function

    def _late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self.identity.component}.init() had not ended when the call's time ran out.")


class Dispatcher:
    """Executes the calls that reach this weavelet; the transport's `Handler`.

    Whatever goes wrong becomes a reply; only a task's cancellation gets out.
    """

    def __init__(self, methods: list[HostedMethod | None], clock: Clock, recorder: Recorder) -> None:
        self._methods = {number: method for number, method in enumerate(methods) if method is not None}
        self._now_s = clock.now_s
        self._recorder = recorder
        self.load = 0  # calls in flight; changed in single steps of the interpreter, so without a lock

    def call(self, call: Call) -> Reply:
        """Execute a sync method on the connection's thread, in a context of its own."""
        return _new_context().run(self._call, call)

    def _call(self, call: Call) -> Reply:
        arrived = _NO_LINEAGE
        self.load += 1
        try:
            method = self._methods.get(call.method) or missing(call)
            ends_s = self._now_s() + call.timeout_s
            _set_deadline(ends_s)
            function = method.function or method.wait_open(call.timeout_s)
            if call.is_accompanied:
                arrived = self._enter(call, method)
            args = call.args()
            value = function(*args) if method.is_own else of_this_thread.watch.run(ends_s, function, args)
            if call.trace:
                self._finished(method, "")
            lineage = _lineage()
            return Reply(True, b"" if lineage is arrived else lineage.added_since(arrived).pack(), value)
        except BaseException as error:  # SystemExit too: a method does not end the process it runs in
            return self._failed(call, arrived, error)
        finally:
            self.load -= 1

    async def call_async(self, call: Call) -> Reply:
        """Execute an async method; the server gives every call a task and an empty context of its own."""
        arrived = _NO_LINEAGE
        self.load += 1
        try:
            method = self._methods.get(call.method) or missing(call)
            _set_deadline(self._now_s() + call.timeout_s)
            function = method.function or await method.wait_open_async(call.timeout_s)
            if call.is_accompanied:
                arrived = self._enter(call, method)
            value = await function(*call.args())
            if call.trace:
                self._finished(method, "")
            lineage = _lineage()
            return Reply(True, b"" if lineage is arrived else lineage.added_since(arrived).pack(), value)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            return self._failed(call, arrived, error)
        finally:
            self.load -= 1

    def failure(self, call: Call, error: BaseException) -> object:
        """Return what stands for `error` when the transport could not send a reply, or a call ended with none."""
        return failures.pack(error, "this weavelet")

    def _enter(self, call: Call, method: HostedMethod) -> Lineage:
        """Set metadata, lineage and trace as they came, in a context that has none; return the lineage."""
        arrived = Lineage.received(call.lineage)
        lineage_context.replace(arrived)
        context.packed_metadata.set(call.metadata)
        if call.trace:
            context.trace.set(call.trace[:TRACE_ID_BYTES].hex())
            context.span.set(call.trace[TRACE_ID_BYTES:].decode())
            me, span, now_s, request = method.identity, context.span.get(), self._now_s(), context.trace.get()
            self._recorder.record(Started(now_s, request, me.component, me.replica, me.region, span, method.name))
        return arrived

    def _finished(self, method: HostedMethod, error: str) -> None:
        me, span, now_s, request = method.identity, context.span.get(), self._now_s(), context.trace.get()
        self._recorder.record(Finished(now_s, request, me.component, me.replica, me.region, span, error))

    def _failed(self, call: Call, arrived: Lineage, error: BaseException) -> Reply:
        """Return the exception as a reply, with the lineage that the callee added before it raised."""
        method = self._methods.get(call.method)
        where = "this weavelet"
        if method is not None:
            if context.trace.get():
                self._finished(method, type(error).__name__)
            where = f"{method.identity.component}.{method.name} at {method.identity.replica}"
        try:
            gained = _lineage().added_since(arrived).pack()
        except ProtocolError as unsound:  # what came is garbage, or what is here has become too large to travel
            gained, error = b"", unsound
        return Reply(False, gained, failures.pack(_told(error), where))


def _told(error: BaseException) -> BaseException:
    """Return what to tell the caller. If a method was cancelled, its caller has mostly left, and hears nothing."""
    return out_of_time() if isinstance(error, Cancelled) else error


def _with_keywords(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, called with what came over the wire: keyword arguments are one dict at the end."""

    def call(*args: Any) -> Any:
        return function(*args[:-1], **args[-1])

    return call


def missing(call: Call) -> NoReturn:
    raise Unreachable(f"method number {call.method} is not hosted by this weavelet")
