"""What travels with a call besides its arguments: deadline, metadata, trace id. Lineage has its own module.

All of it lives in context variables, so no method takes a context argument, and a call that is made
inside another inherits what is left of its time. Not in here: how any of it is put on the wire.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from contextvars import ContextVar
from numbers import Real

from weaverlab.antipode import context as lineage_context
from weaverlab.clock import SystemClock, unique_id

TRACE_ID_DIGITS = 32  # W3C trace context: 16 bytes

deadline: ContextVar[float | None] = ContextVar("weaverlab_deadline", default=None)
trace: ContextVar[str] = ContextVar("weaverlab_trace", default="")
span: ContextVar[str] = ContextVar("weaverlab_span", default="")  # of the call that is executed here, if it is traced
packed_metadata: ContextVar[bytes] = ContextVar("weaverlab_metadata", default=b"")  # as JSON: ready for the wire


@contextlib.contextmanager
def timeout(timeout_s: float) -> Iterator[None]:
    """Give every call in this block at most `timeout_s` seconds together; an enclosing shorter deadline stays."""
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, Real):
        raise TypeError(f"timeout({timeout_s!r}): expected seconds as a number, got {type(timeout_s).__name__}.")
    if not 0 < timeout_s < math.inf:
        raise ValueError(f"timeout({timeout_s!r}): expected a number of seconds greater than zero.")
    ends_s = SystemClock.now_s() + timeout_s
    outer = deadline.get()
    token = deadline.set(ends_s if outer is None else min(outer, ends_s))
    try:
        yield
    finally:
        deadline.reset(token)


@contextlib.contextmanager
def metadata(**entries: str) -> Iterator[None]:
    """Send these entries along with every call in this block, and with the calls that those make."""
    for name, value in entries.items():
        if not isinstance(value, str):
            raise TypeError(f"metadata({name}={value!r}): expected a str, got {type(value).__name__}.")
    token = packed_metadata.set(json.dumps({**current_metadata(), **entries}).encode())
    try:
        yield
    finally:
        packed_metadata.reset(token)


def current_metadata() -> dict[str, str]:
    """Return the entries that came with the current call or were set around it."""
    packed = packed_metadata.get()
    entries: dict[str, str] = json.loads(packed) if packed else {}
    return entries


@contextlib.contextmanager
def request() -> Iterator[str]:
    """Open the root of a request: an empty lineage and a new trace id, which is returned.

    Whatever ran before in this thread, task or notebook is not a dependency of what runs in the block.
    """
    token, span_token = trace.set(unique_id(TRACE_ID_DIGITS)), span.set("")
    try:
        with lineage_context.request():
            yield trace.get()
    finally:
        trace.reset(token)
        span.reset(span_token)


def remaining_s() -> float | None:
    """Return the seconds left until the current deadline, None where none is set; may be negative."""
    ends_s = deadline.get()
    return None if ends_s is None else ends_s - SystemClock.now_s()
