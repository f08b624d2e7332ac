"""The calling side of a remote call: pick a replica, send, join the lineage that came back, repeat if allowed.

When a call may be repeated:

    what happened                      retriable method    @not_retriable method
    ---------------------------------  ------------------  ---------------------
    it never left (Unreachable)        repeat              repeat
    the link broke on it (CallLost)    repeat, LOSSES_MAX  raise, maybe_executed
    its time ran out                   raise               raise

Repeats go to another replica where there is one, and stop at the deadline, which every call has. Not in here: sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from weaverlab.antipode import Lineage
from weaverlab.antipode import context as lineage_context
from weaverlab.component import ComponentSpec
from weaverlab.errors import CallLost, CannotTravel, RemoteCallError, StoppedError, Unreachable, WeaverError
from weaverlab.history import Invoked, Returned
from weaverlab.observe import MethodStats
from weaverlab.routing import Backoff
from weaverlab.runtime import context, failures
from weaverlab.runtime.links import Links, Peer
from weaverlab.runtime.recorder import Recorder
from weaverlab.runtime.replicas import Replicas
from weaverlab.transport import ReceivedReply
from weaverlab.wire import decode_value

# Asked for every call, so without a frame in between.
_deadline, _trace_id, _metadata = context.deadline.get, context.trace.get, context.packed_metadata.get
_lineage = lineage_context.current

LOSSES_MAX = 3  # a call that was lost so often may be what ends its callees; it is not tried on the rest of them


@dataclass(frozen=True)
class Identity:
    """On whose behalf a call is made or an event recorded."""

    component: str
    replica: str
    region: str


@dataclass(frozen=True)
class RemoteMethod:
    """One method of a remote component: its number on the wire and what is counted about it."""

    number: int
    name: str
    retriable: bool
    stats: MethodStats
    slot: Callable[[tuple[object, ...]], int] | None = None  # of a call with these arguments, where it is routed


class Trouble:
    """What has gone wrong so far with one call; made when something first does."""

    __slots__ = ("attempts", "ends_s", "losses")

    def __init__(self, ends_s: float) -> None:
        self.ends_s = ends_s  # the call's deadline
        self.attempts = 0
        self.losses = 0


class RemoteComponent:
    """Carries one caller's calls to the replicas of one component."""

    def __init__(
        self,
        caller: Identity,
        spec: ComponentSpec,
        replicas: Replicas,
        links: Links,
        recorder: Recorder,
        call_timeout_s: float,
        is_traced: bool,
    ) -> None:
        """`is_traced` is false for what WeaverLab itself calls: it is no part of a request's story."""
        self._caller = caller
        self._name = spec.name
        self._replicas = replicas
        self._links = links
        self._clock = links.clock
        self._now_s = links.clock.now_s
        self._recorder = recorder
        self._call_timeout_s = call_timeout_s
        self._is_traced = is_traced
        self._backoff = Backoff()

    def call(self, method: RemoteMethod, args: tuple[object, ...]) -> Any:
        """Call and wait for the answer, blocking the thread for at most the deadline."""
        if self._links.closed_because:
            raise self._stopped()
        started_s = self._now_s()
        ends_s = _deadline()
        timeout_s = self._call_timeout_s if ends_s is None else ends_s - started_s
        slot = None if method.slot is None else method.slot(args)
        span = self._invoked(method) if _trace_id() and self._is_traced else ""
        trace = trace_part(span) if span else b""
        trouble: Trouble | None = None
        try:
            while True:
                peer = self._replicas.choose(slot)
                peer.in_flight += 1
                try:
                    reply = peer.pool.call(
                        method.number, args, timeout_s, trace, _lineage().pack(), _metadata(), method.retriable
                    )
                    break
                except (RemoteCallError, StoppedError) as error:
                    trouble = trouble or Trouble(started_s + timeout_s)
                    pause_s = self._pause_s(error, method, peer, trouble)
                finally:
                    peer.in_flight -= 1
                self._clock.sleep(pause_s)
                timeout_s = self._left_s(trouble)
        except BaseException as error:  # Ctrl-C, too
            self._failed(method, span, error)
            raise
        return self._end(method, reply, started_s, span)

    async def call_async(self, method: RemoteMethod, args: tuple[object, ...]) -> Any:
        """The same for a caller on an event loop, which goes on with other tasks meanwhile."""
        if self._links.closed_because:
            raise self._stopped()
        started_s = self._now_s()
        ends_s = _deadline()
        timeout_s = self._call_timeout_s if ends_s is None else ends_s - started_s
        slot = None if method.slot is None else method.slot(args)
        span = self._invoked(method) if _trace_id() and self._is_traced else ""
        trace = trace_part(span) if span else b""
        trouble: Trouble | None = None
        try:
            while True:
                peer = self._replicas.choose(slot)
                peer.in_flight += 1
                try:
                    channel = self._links.channel(peer.address)
                    reply = await channel.call(
                        method.number, args, timeout_s, trace, _lineage().pack(), _metadata(), method.retriable
                    )
                    break
                except (RemoteCallError, StoppedError) as error:
                    trouble = trouble or Trouble(started_s + timeout_s)
                    pause_s = self._pause_s(error, method, peer, trouble)
                finally:
                    peer.in_flight -= 1
                await asyncio.sleep(pause_s)
                timeout_s = self._left_s(trouble)
        except BaseException as error:  # a cancelled task, too
            self._failed(method, span, error)
            raise
        return self._end(method, reply, started_s, span)

    def _left_s(self, trouble: Trouble) -> float:
        """Return how long the next attempt may take. Raises StoppedError when the deployment ended meanwhile."""
        if self._links.closed_because:
            raise self._stopped()
        return trouble.ends_s - self._now_s()

    def _stopped(self) -> StoppedError:
        because = self._links.closed_because
        return StoppedError(f"cannot call {self._name}: {because}\nDeploy again and take a new handle.")

    def _pause_s(self, error: WeaverError, method: RemoteMethod, peer: Peer, trouble: Trouble) -> float:
        """Return how long to wait before the call is repeated; raise what its caller is to see if it must not be."""
        trouble.attempts += 1
        trouble.losses += isinstance(error, CallLost)
        if isinstance(error, (Unreachable, CallLost)):
            self._links.suspect(peer.address)
        pause_s = self._backoff.pause_s(trouble.attempts, self._links.rng)
        may_repeat = isinstance(error, Unreachable) or (
            isinstance(error, CallLost) and method.retriable and trouble.losses < LOSSES_MAX
        )
        is_stopped = isinstance(error, StoppedError) or (may_repeat and bool(self._links.closed_because))
        if may_repeat and not is_stopped and self._now_s() + pause_s < trouble.ends_s:
            method.stats.retries += 1
            return pause_s
        if is_stopped or not isinstance(error, RemoteCallError):
            raise self._stopped()
        raise self._explained(error, method, peer, trouble) from error

    def _explained(self, error: RemoteCallError, method: RemoteMethod, peer: Peer, trouble: Trouble) -> RemoteCallError:
        """Return `error` in the caller's words: which method, at which replica, what all attempts may have done."""
        reason = str(error.args[0]).removeprefix(f"{peer.address}: ")
        message = f"{self._name}.{method.name} at {peer.replica}: {reason}"
        may = error.maybe_executed or trouble.losses > 0
        return type(error)(message, maybe_executed=may, attempts=trouble.attempts)

    def _end(self, method: RemoteMethod, reply: ReceivedReply, started_s: float, span: str) -> Any:
        """Join the callee's lineage, count the call, and return its value or raise its exception."""
        latency_s = self._now_s() - started_s
        if reply.is_plain and not span:
            method.stats.record(latency_s, True, reply.request_bytes, len(reply.payload), 0)
            return decode_value(reply.payload)
        method.stats.record(latency_s, reply.ok, reply.request_bytes, reply.value_bytes, len(reply.lineage))
        if reply.lineage:
            lineage_context.join(Lineage.received(reply.lineage))
        try:
            value = reply.value
        except CannotTravel as error:
            if span:
                self._returned(span, type(error).__name__)
            raise
        if span:
            self._returned(span, "" if reply.ok else value.type_name)
        if reply.ok:
            return value
        raise failures.unpack(value)

    def _failed(self, method: RemoteMethod, span: str, error: BaseException) -> None:
        """Count a call that has no reply."""
        method.stats.calls += 1
        method.stats.errors += 1
        if span:
            self._returned(span, type(error).__name__)

    def _invoked(self, method: RemoteMethod) -> str:
        span = self._recorder.new_span(self._caller.component, self._caller.replica)
        me, now_s = self._caller, self._now_s()
        event = Invoked(now_s, context.trace.get(), me.component, me.replica, me.region, span, self._name, method.name)
        self._recorder.record(event)
        return span

    def _returned(self, span: str, error: str) -> None:
        me, now_s = self._caller, self._now_s()
        self._recorder.record(Returned(now_s, context.trace.get(), me.component, me.replica, me.region, span, error))


def trace_part(span: str) -> bytes:
    """Return the trace part of a call: 16 bytes of trace id, then the span's name."""
    return bytes.fromhex(_trace_id()) + span.encode()
