"""The reading side of a stream from another process: a call until its first item, and never repeated after that.

`read` is an ordinary generator, and `read_async` an async one, so a stream that is left or dropped is closed as
Python closes generators. The call is made when the first item is asked for. See docs/streams.md. Not in here: streams
of components in this process (`local_streams`).
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import Any

from weaverlab.antipode import Lineage
from weaverlab.antipode import context as lineage_context
from weaverlab.errors import CallLost, RemoteCallError, StoppedError
from weaverlab.runtime import context, failures
from weaverlab.runtime.links import Peer
from weaverlab.runtime.remote import RemoteComponent, RemoteMethod, Trouble, trace_part
from weaverlab.transport import ReceivedReply
from weaverlab.transport.streaming_async import AsyncStream, open_async_stream
from weaverlab.transport.streaming_sync import SyncStream, open_sync_stream
from weaverlab.transport.terms import Terms


class StreamingRemote(RemoteComponent):
    """A remote component whose methods may stream."""

    def read(self, method: RemoteMethod, args: tuple[object, ...]) -> Generator[Any, None, Any]:
        """Yield the items of a sync stream; return what its generator returned."""
        with self._reading(method) as reading, contextlib.closing(self._open(reading, args)) as stream:
            while True:
                try:
                    message = stream.receive(reading.wait_s())
                except RemoteCallError as error:
                    raise self._broken(reading, error) from error
                value = reading.take(message)
                if type(message) is ReceivedReply:
                    return value
                yield value

    async def read_async(self, method: RemoteMethod, args: tuple[object, ...]) -> AsyncGenerator[Any, None]:
        """Yield the items of an async stream."""
        with self._reading(method) as reading, contextlib.closing(await self._open_async(reading, args)) as stream:
            while True:
                try:
                    message = await stream.receive(reading.wait_s())
                except RemoteCallError as error:
                    raise self._broken(reading, error) from error
                value = reading.take(message)
                if type(message) is ReceivedReply:
                    return
                yield value

    def _open(self, reading: _Reading, args: tuple[object, ...]) -> SyncStream:
        """Make the call, as often as it may be repeated; return the stream when its first item, or end, is there."""
        method = reading.method
        slot = None if method.slot is None else method.slot(args)
        while True:
            peer = reading.go_to(self._replicas.choose(slot))
            try:
                stream = open_sync_stream(peer.pool, method.number, args, reading.terms())
            except (RemoteCallError, StoppedError) as error:
                pause_s = self._pause_s(error, method, peer, reading.trouble)
            else:
                reading.request_bytes = stream.request_bytes
                return stream
            self._clock.sleep(pause_s)

    async def _open_async(self, reading: _Reading, args: tuple[object, ...]) -> AsyncStream:
        """The same for a reader on an event loop."""
        method = reading.method
        slot = None if method.slot is None else method.slot(args)
        while True:
            peer = reading.go_to(self._replicas.choose(slot))
            try:
                channel = self._links.channel(peer.address)
                stream = await open_async_stream(channel, method.number, args, reading.terms())
            except (RemoteCallError, StoppedError) as error:
                pause_s = self._pause_s(error, method, peer, reading.trouble)
            else:
                reading.request_bytes = stream.request_bytes
                return stream
            await asyncio.sleep(pause_s)

    @contextlib.contextmanager
    def _reading(self, method: RemoteMethod) -> Iterator[_Reading]:
        """Count a stream as one call, and record its events, however it ends. Who leaves it early makes no error."""
        span = self._invoked(method) if self._is_traced and context.trace.get() else ""
        request = contextvars.copy_context()  # it may end, or be dropped, where another one is going on
        reading = _Reading(method, span, self._now_s, self._call_timeout_s)
        error = ""
        try:
            yield reading
        except GeneratorExit:
            raise
        except BaseException as raised:  # Ctrl-C and a cancelled task, too
            error = type(raised).__name__
            raise
        finally:
            reading.leave()
            latency_s = self._now_s() - reading.started_s
            method.stats.record(latency_s, not error, reading.request_bytes, reading.reply_bytes, reading.lineage_bytes)
            if span:
                request.run(self._returned, span, error)

    def _broken(self, reading: _Reading, error: RemoteCallError) -> RemoteCallError:
        """Return what its reader is told of a stream that was cut. It is not repeated: its items have been seen."""
        assert reading.peer is not None
        reading.trouble.attempts += 1
        if isinstance(error, CallLost):
            self._links.suspect(reading.peer.address)
        return self._explained(error, reading.method, reading.peer, reading.trouble)


class _Reading:
    """One stream as it is read: its time, where it comes from, and what is counted of it."""

    def __init__(self, method: RemoteMethod, span: str, now_s: Callable[[], float], call_timeout_s: float) -> None:
        self.method = method
        self.span = span
        self.started_s = now_s()
        self.peer: Peer | None = None
        self.request_bytes = self.reply_bytes = self.lineage_bytes = 0
        self._ends_s = context.deadline.get()  # of the whole stream, if it has one
        self._now_s = now_s
        self._call_timeout_s = call_timeout_s
        self._body = Lineage.empty()  # what the body depends on, as far as it has told
        self._joined: Lineage | None = None  # the reader's lineage, when it last joined that
        # Until its first item it is repeated, and waited for, no longer than a call would be.
        self.trouble = Trouble(self.started_s + call_timeout_s if self._ends_s is None else self._ends_s)

    def terms(self) -> Terms:
        """Return what goes along with the call."""
        timeout_s = 0.0 if self._ends_s is None else self._ends_s - self._now_s()
        trace = trace_part(self.span) if self.span else b""
        self._body = lineage_context.current()
        lineage = self._body.pack()
        wait_s = min(self.wait_s(), self.trouble.ends_s - self._now_s())
        return Terms(timeout_s, wait_s, trace, lineage, context.packed_metadata.get(), self.method.retriable)

    def wait_s(self) -> float:
        """Return how long to wait for the next item: as long as the stream, or the block that asks for it, may take."""
        limits = [ends_s for ends_s in (self._ends_s, context.deadline.get()) if ends_s is not None]
        return min(limits) - self._now_s() if limits else self._call_timeout_s

    def go_to(self, peer: Peer) -> Peer:
        """Take note that `peer` is asked now, and no other."""
        self.leave()
        peer.in_flight += 1
        self.peer = peer
        return peer

    def leave(self) -> None:
        if self.peer is not None:
            self.peer.in_flight -= 1
            self.peer = None

    def take(self, message: ReceivedReply) -> Any:
        """Return the value of an item, or of the end; or raise what the callee raised. Its lineage is joined first."""
        if message.lineage:
            self._body |= Lineage.received(message.lineage)
        if message.lineage or lineage_context.current() is not self._joined:  # the reader may be in another request now
            lineage_context.join(self._body)
            self._joined = lineage_context.current()
        self.reply_bytes += message.value_bytes
        self.lineage_bytes += len(message.lineage)
        if message.ok:
            return message.value
        raise failures.unpack(message.value)
