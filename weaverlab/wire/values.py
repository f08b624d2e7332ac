"""Python values <-> bytes: C pickle protocol 5, large buffers beside the pickle, dill only where pickle cannot.

Not in here: frames. A value becomes one payload and any number of buffers; how they follow each other on
the wire is `frames`' business. Unpickling runs code, so `decode_value` is for authenticated peers only.
"""

from __future__ import annotations

import pickle
from collections.abc import Coroutine, Sequence
from typing import Any

from weaverlab.errors import Cancelled, CannotTravel

# Below this a buffer of its own costs more (a header entry, an allocation, another iovec) than the copies it saves: an
# echo of an array of 4 to 12 KiB takes 30 us less in the pickle. So much the receiver reads without an allocation, too.
OUT_OF_BAND_BYTES_MIN = 16 * 1024
# `bytes` are copied once at the receiver in any case, so lifting them out only pays for larger ones: from 128 KiB
# on the C library takes the memory for each copy from the system, page by page, and an echo takes four times as long.
LARGE_BYTES_MIN = 120 * 1024

# Values of these types have no buffers, run no code of their own, and are never refused: `frames` pickles them at once.
PLAIN_TYPES = frozenset((str, int, float, bool, type(None)))

Buffer = bytes | bytearray | memoryview
_dumps, _loads = pickle.dumps, pickle.loads
# What is raised in a thread from outside (Ctrl-C, a caller that has left), and is no fault of the value at hand.
FROM_OUTSIDE = (KeyboardInterrupt, Cancelled)


# A value ready for the wire: its pickle; its buffers, views of the sender's own memory; whether dill made it.
# A plain tuple, since two are made per call and a named one costs 0.2 us more.
Encoded = tuple[bytes, Sequence[memoryview], bool]


def encode_value(value: object) -> Encoded:
    """Pickle `value`; arrays and large `bytes` stay where they are and become buffers.

    For a call's arguments, `value` is their tuple: large `bytes` and `bytearray` are found as the value itself
    or as an item of such a tuple. Deeper ones, and those in other containers, travel inside the pickle.

    Raises:
        CannotTravel: neither pickle nor dill can encode it; names the item of a tuple that cannot.
    """
    offered: list[pickle.PickleBuffer] = []
    try:
        for item in value if type(value) is tuple else (value,):
            if type(item) in _BYTES_TYPES and len(item) >= LARGE_BYTES_MIN:
                value = _lift_large_bytes(value)
                break
        payload = _dumps(value, 5, buffer_callback=offered.append)
        return _with_buffers(value, payload, offered) if offered else (payload, (), False)
    except FROM_OUTSIDE:
        raise
    except BaseException as error:  # whatever a __reduce__ or __getstate__ may raise
        return _dilled(value, error)


def _with_buffers(value: object, payload: bytes, offered: list[pickle.PickleBuffer]) -> Encoded:
    """Return `payload` with its buffers; pickled again if some of them are too small to be worth it."""
    views = [buffer.raw() for buffer in offered]
    if min(map(len, views)) >= OUT_OF_BAND_BYTES_MIN:
        return payload, views, False
    views.clear()

    def is_in_band(buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes >= OUT_OF_BAND_BYTES_MIN:
            views.append(view)
            return False
        return True

    return _dumps(value, 5, buffer_callback=is_in_band), views, False


def decode_value(payload: Buffer, buffers: Sequence[bytearray | memoryview] = (), is_dill: bool = False) -> Any:
    """Return the value. Arrays use the memory of `buffers` without a copy, hence are writable and nobody else's.

    (An array that was read-only at the sender is read-only here: pickle keeps that.)

    Raises:
        CannotTravel: a class cannot be found here, or its own unpickling failed.
    """
    try:
        if is_dill:
            import dill

            return dill.loads(payload, buffers=buffers)
        return _loads(payload, buffers=buffers) if buffers else _loads(payload)
    except FROM_OUTSIDE:
        raise
    except BaseException as error:  # whatever a __setstate__ may raise: SystemExit must not end who receives it
        raise CannotTravel(
            f"A value arrived but could not be unpickled: {type(error).__name__}: {_text(error)}\n"
            "Its class must be importable, or shipped by the deployment, in the receiving process too."
        ) from error


_BYTES_TYPES = frozenset((bytes, bytearray))


class _LargeBytes:
    """Stands in for `bytes` while pickling: the C pickler never asks anybody how to pickle exact `bytes`."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return bytes, (pickle.PickleBuffer(self._content),)


class _LargeByteArray:
    """The same for `bytearray`, which the C pickler copies too."""

    __slots__ = ("_content",)

    def __init__(self, content: bytearray) -> None:
        self._content = content

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return _as_bytearray, (pickle.PickleBuffer(self._content),)


def _as_bytearray(buffer: Buffer) -> bytearray:
    """Return the bytearray that a socket was read into as it is, and a copy of shared memory."""
    return buffer if type(buffer) is bytearray else bytearray(buffer)


def _lift_large_bytes(value: object) -> object:
    return tuple([_lifted(item) for item in value]) if type(value) is tuple else _lifted(value)


def _lifted(item: object) -> object:
    if type(item) is bytes and len(item) >= LARGE_BYTES_MIN:
        return _LargeBytes(item)
    if type(item) is bytearray and len(item) >= LARGE_BYTES_MIN:
        return _LargeByteArray(item)
    return item


def _dilled(value: object, error: BaseException) -> Encoded:
    import dill  # 50 ms, and most processes never need it

    try:
        return dill.dumps(value, protocol=5), (), True
    except FROM_OUTSIDE:
        raise
    except BaseException as dill_error:
        raise CannotTravel(
            f"{_culprit(value)} cannot be pickled: {_text(error)} (dill: {_text(dill_error)})\n{_remedy(value)}"
        ) from error


def _remedy(value: object) -> str:
    if isinstance(value, Coroutine):
        return "A method that returns a coroutine is to be `async def`: then its callers get what it returns."
    return "Send plain data instead, or create the object in the component's init()."


def _text(error: BaseException) -> str:
    """Return what `error` says, or its name if it cannot say it or says nothing."""
    try:
        return str(error) or type(error).__name__
    except Exception:
        return type(error).__name__


def _culprit(value: object) -> str:
    """Name the item of a tuple that cannot be pickled; it is the value itself when it is no tuple."""
    if type(value) is tuple:
        for number, item in enumerate(value, 1):
            try:
                pickle.dumps(item, 5)
            except FROM_OUTSIDE:
                raise
            except BaseException:
                return f"Item {number} of {len(value)}, of type {type(item).__qualname__},"
    return f"A value of type {type(value).__qualname__}"
