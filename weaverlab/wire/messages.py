"""What travels, as objects: a call as it arrived, a reply as it is sent, a reply as it arrived.

Plain slots classes, because one of each is made per call. Not in here: their bytes (`frames`), and what the
arguments, the value or a failure's value mean, which is the runtime's business.
"""

from __future__ import annotations

from typing import Any

from weaverlab.wire.values import decode_value


class Call:
    """A call as its callee receives it. `method` is a number of the application's method table."""

    __slots__ = ("buffers", "call_id", "is_dill", "lineage", "metadata", "method", "payload", "timeout_s", "trace")

    kind = 1  # frames.Kind.CALL, which this module cannot import

    def __init__(
        self,
        call_id: int,
        method: int,
        timeout_s: float,
        trace: bytes,
        lineage: bytes,
        metadata: bytes,
        payload: bytearray,
        is_dill: bool,
    ) -> None:
        self.call_id = call_id
        self.method = method
        self.timeout_s = timeout_s  # what was left of the caller's time when it sent
        self.trace = trace
        self.lineage = lineage
        self.metadata = metadata
        self.payload = payload
        self.is_dill = is_dill
        self.buffers: tuple[bytearray, ...] = ()

    def args(self) -> Any:
        """Unpickle what the caller passed as `args`. Raises CannotTravel; O(size), so ask once."""
        return decode_value(self.payload, self.buffers, self.is_dill)


class Reply:
    """The answer to one call: a value when `ok`, else whatever stands for the failure."""

    __slots__ = ("_value", "call_id", "lineage", "ok")

    def __init__(self, call_id: int, ok: bool, lineage: bytes, value: object) -> None:
        self.call_id = call_id
        self.ok = ok
        self.lineage = lineage
        self._value = value

    @property
    def value(self) -> Any:
        return self._value


class ReceivedReply(Reply):
    """A reply as the caller receives it.

    It is unpickled when `value` is read, not before, so that the lineage is there also when unpickling fails. That
    costs one small copy (0.1 µs), since the connection's buffer goes on to the next call.
    """

    __slots__ = ("buffers", "is_dill", "kind", "payload", "request_bytes")

    def __init__(self, call_id: int, kind: int, ok: bool, lineage: bytes, payload: bytearray, is_dill: bool) -> None:
        self.call_id = call_id
        self.kind = kind  # REPLY when ok, else FAILURE
        self.ok = ok
        self.lineage = lineage
        self.payload = payload
        self.is_dill = is_dill
        self.buffers: tuple[bytearray, ...] = ()
        self.request_bytes = 0  # of the call's frame; whoever sent it fills this in

    @property
    def value_bytes(self) -> int:
        """The size of the pickled value, its buffers included."""
        return len(self.payload) + sum(map(len, self.buffers)) if self.buffers else len(self.payload)

    @property
    def value(self) -> Any:
        """Unpickle the value. Raises CannotTravel; O(size), so ask once."""
        return decode_value(self.payload, self.buffers, self.is_dill)
