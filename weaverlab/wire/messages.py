"""What travels, as objects: a call as it arrived, a reply as it is sent, a reply as it arrived.

One of each is made per call, and most of them are plain: so what is seldom there is an attribute of the class, empty,
and set by `frames` only where a frame has it. Not in here: their bytes (`frames`), and what the arguments, the value or
a failure's value mean, which is the runtime's business.
"""

from __future__ import annotations

from typing import Any

from weaverlab.wire.values import decode_value


class Call:
    """A call as its callee receives it. `method` is a number of the application's method table."""

    kind = 1  # frames.Kind.CALL, which this module cannot import
    trace = lineage = metadata = b""
    is_accompanied = False  # whether one of these three is there
    is_dill = False
    buffers: tuple[bytearray | memoryview, ...] = ()
    is_cancelled = False  # what other threads do for it ends soon after this has become true

    def __init__(self, call_id: int, method: int, timeout_s: float, payload: bytearray | memoryview) -> None:
        self.call_id = call_id
        self.method = method
        self.timeout_s = timeout_s  # what was left of the caller's time when it sent
        self.payload = payload

    @property
    def args_bytes(self) -> int:
        """The size of the pickled arguments, their buffers included."""
        return len(self.payload) + sum(map(len, self.buffers))

    def args(self) -> Any:
        """Unpickle what the caller passed as `args`. Raises CannotTravel; O(size), so ask once."""
        return decode_value(self.payload, self.buffers, self.is_dill)


class Reply:
    """The answer to one call, as its callee sends it: a value when `ok`, else whatever stands for the failure."""

    __slots__ = ("lineage", "ok", "value")

    def __init__(self, ok: bool, lineage: bytes, value: object) -> None:
        self.ok = ok
        self.lineage = lineage
        self.value = value


class ReceivedReply:
    """A reply as the caller receives it.

    It is unpickled when `value` is read, not before, so that the lineage is there also when unpickling fails. That
    costs one small copy (0.1 µs), since the connection's buffer goes on to the next call.
    """

    kind = 2  # REPLY, or FAILURE
    ok = True  # whether it is a REPLY
    is_plain = True  # whether it is one that has a payload and nothing else
    lineage = b""
    is_dill = False
    buffers: tuple[bytearray | memoryview, ...] = ()
    request_bytes = 0  # of the call's frame; whoever sent it fills this in

    def __init__(self, call_id: int, payload: bytearray | memoryview) -> None:
        self.call_id = call_id
        self.payload = payload

    @property
    def value_bytes(self) -> int:
        """The size of the pickled value, its buffers included."""
        return len(self.payload) + sum(map(len, self.buffers)) if self.buffers else len(self.payload)

    @property
    def value(self) -> Any:
        """Unpickle the value. Raises CannotTravel; O(size), so ask once."""
        return decode_value(self.payload, self.buffers, self.is_dill)
