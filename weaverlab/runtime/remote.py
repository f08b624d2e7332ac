"""The calling side of a remote call: pick a replica, send, join the lineage that came back, repeat if allowed.

When a call may be repeated:

    what happened                      retriable method    @not_retriable method
    ---------------------------------  ------------------  ---------------------
    it never left (Unreachable)        repeat              repeat
    the link broke on it (CallLost)    repeat              raise, maybe_executed
    its time ran out                   raise               raise

Repeats go to the next replica and stop at the deadline, which every call has. Not in here: sockets.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from weaverlab.antipode import Lineage
from weaverlab.antipode import context as lineage_context
from weaverlab.clock import Clock, Rng
from weaverlab.component import ComponentSpec
from weaverlab.errors import CallLost, RemoteCallError, StoppedError, Unreachable, WeaverError
from weaverlab.history import Invoked, Returned
from weaverlab.observe import MethodStats
from weaverlab.routing import Backoff, RoundRobin
from weaverlab.runtime import context, failures
from weaverlab.runtime.recorder import Recorder
from weaverlab.transport import AsyncChannel, ReceivedReply, SyncPool


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


class Links:
    """The connections of one process to other weavelets, shared by all of its handles."""

    def __init__(self, secret: bytes, clock: Clock, rng: Rng) -> None:
        self.clock = clock
        self.rng = rng
        self.closed_because = ""
        self._secret = secret
        self._pools: dict[str, SyncPool] = {}
        self._channels: dict[tuple[asyncio.AbstractEventLoop, str], AsyncChannel] = {}

    def pool(self, address: str) -> SyncPool:
        """Return the blocking connections to `address`; they are opened when first used."""
        if address not in self._pools:
            self._pools.setdefault(address, SyncPool(address, self._secret))
        return self._pools[address]

    def channel(self, address: str) -> AsyncChannel:
        """Return the running loop's connection to `address`; it is opened when first used."""
        key = (asyncio.get_running_loop(), address)
        if key not in self._channels:
            for ended in [other for other in list(self._channels) if other[0].is_closed()]:
                if channel := self._channels.pop(ended, None):  # another loop's thread may be cleaning up as well
                    channel.close()
            self._channels[key] = AsyncChannel(address, self._secret)
        return self._channels[key]

    def close(self, because: str) -> None:
        """Close every connection; handles raise `StoppedError` with this reason from now on."""
        self.closed_because = self.closed_because or because
        for pool in list(self._pools.values()):  # other threads may still be calling, and adding to these
            pool.close()
        for (loop, _), channel in list(self._channels.items()):
            try:
                loop.call_soon_threadsafe(channel.close)
            except RuntimeError:  # the loop has been closed, as it is after every `asyncio.run`
                channel.close()


class RemoteComponent:
    """Carries one caller's calls to the replicas of one component."""

    def __init__(
        self,
        caller: Identity,
        spec: ComponentSpec,
        addresses: tuple[str, ...],
        links: Links,
        recorder: Recorder,
        call_timeout_s: float,
        is_traced: bool,
    ) -> None:
        """`is_traced` is false for what WeaverLab itself calls: it is no part of a request's story."""
        self._caller = caller
        self._name = spec.name
        self._addresses = addresses
        self._pools = tuple(links.pool(address) for address in addresses)
        self._links = links
        self._clock = links.clock
        self._recorder = recorder
        self._call_timeout_s = call_timeout_s
        self._is_traced = is_traced
        self._balancer = RoundRobin(int(links.rng.random() * len(addresses)))
        self._backoff = Backoff()

    def call(self, method: RemoteMethod, args: tuple[object, ...]) -> Any:
        """Call and wait for the answer, blocking the thread for at most the deadline."""
        started_s, timeout_s = self._begin()
        span = self._invoked(method) if self._is_traced and context.trace.get() else ""
        lineage = lineage_context.current().pack()
        call = (method.number, args, timeout_s, _trace(span), lineage, context.packed_metadata.get())
        attempts = 1
        while True:
            try:
                reply = self._next_pool().call(*call)
                break
            except (RemoteCallError, StoppedError) as error:
                self._clock.sleep(self._pause_s(error, method, attempts, started_s + timeout_s))
            attempts += 1
            call = (method.number, args, started_s + timeout_s - self._clock.now_s(), *call[3:])
        return self._end(method, reply, started_s, span)

    async def call_async(self, method: RemoteMethod, args: tuple[object, ...]) -> Any:
        """The same for a caller on an event loop, which goes on with other tasks meanwhile."""
        started_s, timeout_s = self._begin()
        span = self._invoked(method) if self._is_traced and context.trace.get() else ""
        lineage = lineage_context.current().pack()
        call = (method.number, args, timeout_s, _trace(span), lineage, context.packed_metadata.get())
        attempts = 1
        while True:
            try:
                reply = await self._next_channel().call(*call)
                break
            except (RemoteCallError, StoppedError) as error:
                await asyncio.sleep(self._pause_s(error, method, attempts, started_s + timeout_s))
            attempts += 1
            call = (method.number, args, started_s + timeout_s - self._clock.now_s(), *call[3:])
        return self._end(method, reply, started_s, span)

    def _next_pool(self) -> SyncPool:
        return self._pools[self._balancer.pick(len(self._pools))]

    def _next_channel(self) -> AsyncChannel:
        return self._links.channel(self._addresses[self._balancer.pick(len(self._addresses))])

    def _begin(self) -> tuple[float, float]:
        """Return the time now, and how long the call may take."""
        now_s = self._clock.now_s()
        ends_s = context.deadline.get()
        if self._links.closed_because:
            raise self._stopped()
        return now_s, self._call_timeout_s if ends_s is None else ends_s - now_s

    def _stopped(self) -> StoppedError:
        because = self._links.closed_because
        return StoppedError(f"cannot call {self._name}: {because}\nDeploy again and take a new handle.")

    def _pause_s(self, error: WeaverError, method: RemoteMethod, attempts: int, ends_s: float) -> float:
        """Return how long to wait before the call is repeated; raise `error` if it must not be."""
        pause_s = self._backoff.pause_s(attempts, self._links.rng)
        may_repeat = isinstance(error, Unreachable) or (isinstance(error, CallLost) and method.retriable)
        is_stopped = isinstance(error, StoppedError) or (may_repeat and bool(self._links.closed_because))
        if may_repeat and not is_stopped and self._clock.now_s() + pause_s < ends_s:
            method.stats.retries += 1
            return pause_s
        method.stats.calls += 1
        method.stats.errors += 1
        if isinstance(error, RemoteCallError):
            error.attempts = attempts
        raise self._stopped() if is_stopped else error

    def _end(self, method: RemoteMethod, reply: ReceivedReply, started_s: float, span: str) -> Any:
        """Join the callee's lineage, count the call, and return its value or raise its exception."""
        if reply.lineage:
            lineage_context.join(Lineage.unpack(reply.lineage))
        latency_s = self._clock.now_s() - started_s
        method.stats.record(latency_s, reply.ok, reply.request_bytes, reply.value_bytes, len(reply.lineage))
        value = reply.value
        if span:
            self._returned(span, "" if reply.ok else value.type_name)
        if reply.ok:
            return value
        raise failures.unpack(value)

    def _invoked(self, method: RemoteMethod) -> str:
        span = self._recorder.new_span(self._caller.component, self._caller.replica)
        me, now_s = self._caller, self._clock.now_s()
        event = Invoked(now_s, context.trace.get(), me.component, me.replica, me.region, span, self._name, method.name)
        self._recorder.record(event)
        return span

    def _returned(self, span: str, error: str) -> None:
        me, now_s = self._caller, self._clock.now_s()
        self._recorder.record(Returned(now_s, context.trace.get(), me.component, me.replica, me.region, span, error))


def _trace(span: str) -> bytes:
    """Return the trace part of a call: 16 bytes of trace id, then the span's name; empty when not traced."""
    return bytes.fromhex(context.trace.get()) + span.encode() if span else b""
