"""What our messages look like in RabbitMQ, and what our queues are called. Pure: nothing here talks to a server.

    exchange EXCHANGE (direct, durable)  --KEY-->  queue EXCHANGE/KEY@REGION (quorum, durable), one for each region
                                                        |  refused, or delivered too often
                                                        v
                                                   queue dead:EXCHANGE/KEY@REGION (quorum, durable)

The body is the value. Everything of ours is in headers, so a message of another program is seen to be one before
anything of it is believed: its body is never unpickled. Not in here: sending (`publisher`) and receiving
(`subscription`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from weaverlab.antipode import Dependency, Lineage
from weaverlab.antipode.queue import Message
from weaverlab.clock import Clock
from weaverlab.errors import ProtocolError, StoreError

FORMAT = 1  # of the headers below; a consumer refuses any other
FORMAT_HEADER = "x-weaverlab-format"
ORIGIN_HEADER = "x-weaverlab-origin"  # the region where it was published
VERSION_HEADER = "x-weaverlab-version"
LINEAGE_HEADER = "x-weaverlab-lineage"
TRACE_HEADER = "x-weaverlab-trace"

MAX_VALUE_BYTES = 16 * 1024 * 1024  # what RabbitMQ 4 takes by default; older ones take 128 MiB
MAX_NAME_BYTES = 255  # of an AMQP short string
TRACE_BYTES = 16
DELIVERIES_MAX = 10  # of one message in one region, then it is a dead letter: enough for a restart or two, and no more
_PUBLISHERS = 1024  # of one region that may publish in the same microsecond and still have versions of their own
_MAX_VERSION = 2**63 - 1  # of an AMQP integer; reached in the year 2255


class Versions:
    """The versions of one publisher: microseconds since 1970, then ten bits of its own; each above the last.

    RabbitMQ has no counter that a publisher could ask, and one of each publisher's own would need a scope for each
    publisher, of which a lineage could forget none. See docs/decisions/0028.
    """

    def __init__(self, clock: Clock, publisher: int) -> None:
        self._clock = clock
        self._last = publisher % _PUBLISHERS
        self._lock = threading.Lock()  # guards _last

    def next(self) -> int:
        with self._lock:
            publisher = self._last % _PUBLISHERS
            now = int(self._clock.wall_s() * 1e6) * _PUBLISHERS + publisher
            self._last = max(self._last + _PUBLISHERS, now)
            return self._last


def headers_of(message: Message) -> dict[str, Any]:
    return {
        FORMAT_HEADER: FORMAT,
        ORIGIN_HEADER: message.dependency.scope,
        VERSION_HEADER: message.dependency.version,
        LINEAGE_HEADER: message.lineage,
        TRACE_HEADER: message.trace,
    }


def message_of(store: str, headers: Mapping[str, Any] | None, body: bytes) -> Message:
    """Return what `headers_of` and a value were made from; StoreError, with the reason, when we cannot read it."""
    headers = headers or {}
    if FORMAT_HEADER not in headers:
        raise StoreError(f"it is of another program: it has no header {FORMAT_HEADER}")
    if headers[FORMAT_HEADER] != FORMAT:
        raise StoreError(f"it is in format {headers[FORMAT_HEADER]!r}; this version of WeaverLab reads format {FORMAT}")
    origin, version = headers.get(ORIGIN_HEADER), headers.get(VERSION_HEADER)
    lineage, trace = headers.get(LINEAGE_HEADER), headers.get(TRACE_HEADER)
    if not (isinstance(origin, str) and isinstance(version, int) and 0 <= version <= _MAX_VERSION):
        raise StoreError(f"its headers {ORIGIN_HEADER} and {VERSION_HEADER} are not a region and a version")
    if not isinstance(trace, bytes) or len(trace) not in (0, TRACE_BYTES):
        raise StoreError(f"its header {TRACE_HEADER} is no trace id")
    if not isinstance(lineage, bytes):
        raise StoreError(f"its header {LINEAGE_HEADER} is no lineage")
    try:
        Lineage.unpack(lineage)
    except ProtocolError as error:
        raise StoreError(f"its header {LINEAGE_HEADER} is {error}") from error
    return Message(
        body, lineage, Dependency(store, origin, int(version)), trace
    )  # pika has a class of its own for large numbers


def queue_name(exchange: str, key: str, region: str) -> str:
    """Return the name of a region's queue; different arguments never give the same."""
    return f"{quote(exchange, safe='')}/{quote(key, safe='')}@{region}"


def dead_queue_name(queue: str) -> str:
    return f"dead:{queue}"


def check_names(exchange: str, key: str, region: str) -> None:
    """Raise StoreError for names that RabbitMQ would refuse, or that have a meaning of their own there."""
    if not exchange or exchange.startswith("amq."):
        raise StoreError(f"exchange {exchange!r}: RabbitMQ keeps \"\" and 'amq.*' for itself. Choose another name.")
    length = max(len(exchange.encode()), len(key.encode()), len(dead_queue_name(queue_name(exchange, key, region))))
    if length > MAX_NAME_BYTES:
        raise StoreError(
            f"exchange {exchange!r} with key {key!r}: names of {length} bytes; RabbitMQ takes {MAX_NAME_BYTES}."
        )


def check_value(value: bytes, where: str) -> None:
    if len(value) > MAX_VALUE_BYTES:
        raise StoreError(
            f"{where}: a value of {len(value):,} bytes; a message takes at most {MAX_VALUE_BYTES:,}. "
            "Nothing was published. Store the value, and publish its key."
        )
