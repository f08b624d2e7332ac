"""Memory that two processes of one host share: how large buffers get from one to the other with a single copy.

A segment belongs to one direction of one connection. Its sender makes it and copies buffers in; its receiver maps it
once and hands out views of it, so that an array is used where it lies:

    +---------+-----------+-----------+--- - - ---+--------------+
    | header  | granule 0 | granule 1 |           | granule 4095 |    64 KiB each, taken from the system when written
    +---------+-----------+-----------+--- - - ---+--------------+
    header = one byte for each granule (0 free, 1 used), then one that says whether the receiver has mapped the segment

1. Only the sender makes granules used, only the receiver makes them free, writing each byte once: no lock, and nobody
   waits for the other.
2. A granule is free when the receiver has dropped the last object that looks at it. So neither end ever sees the other
   change an array, and who keeps its arrays for ever makes later ones go another way, not memory grow.
3. A segment has no name and is in no file system (memfd_create): it is gone with the last process that maps it, however
   that ended. Its size is sealed, so that no end can cut it under the other's feet (that would be a SIGBUS).

Used memory is used again because fresh memory is what costs: writing to a page for the first time takes ten times as
long as copying to it. Linux only; elsewhere, and whenever there is no room, values go through the socket. Not in here:
what goes which way (`sharing`).
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import pickle
import weakref
from collections.abc import Sequence

from weaverlab.errors import ProtocolError
from weaverlab.wire.values import Buffer

GRANULE_BYTES = 64 * 1024
GRANULES = 4096  # 256 MiB: what one frame may carry
OPENED = GRANULES  # the byte after those of the granules
SEGMENT_BYTES = GRANULE_BYTES * (1 + GRANULES)
ALIGNMENT_BYTES = 64  # of each buffer: a cache line, and more than any type of numpy asks for

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL if hasattr(fcntl, "F_SEAL_SEAL") else 0

# Each costs its receiver a descriptor for as long as one of its arrays lives, also after the connection has ended.
SEGMENTS_MAX = 64
# Free memory that a process leaves in the segments it reads from, all together: what the next values are written to
# without asking the system. It gives back the rest as soon as it is free.
WARM_BYTES = 128 * 1024 * 1024


class Outgoing:
    """The sender's end of a segment. One thread at a time. Raises OSError when the system gives none."""

    def __init__(self) -> None:
        self._file = os.memfd_create("weaverlab", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self._file, SEGMENT_BYTES)
            fcntl.fcntl(self._file, fcntl.F_ADD_SEALS, SEALS)
            self._memory = mmap.mmap(self._file, SEGMENT_BYTES)
            self.name = _name(self._file)  # what the receiver needs, and who is asking, to open it
        except BaseException:
            os.close(self._file)
            raise

    def is_opened(self) -> bool:
        """Whether the receiver has mapped it."""
        if not self._memory[OPENED]:
            return False
        if self._file >= 0:  # nobody else will
            os.close(self._file)
            self._file = -1
        return True

    def put(self, buffers: Sequence[Buffer]) -> int | None:
        """Copy `buffers` in; return the number of their first granule, or None when there is no room. O(bytes)."""
        starts, count = _layout([len(buffer) for buffer in buffers])
        first = self._memory[:GRANULES].find(bytes(count))  # in a copy: what changes meanwhile confuses `find`
        if first < 0:
            return None
        self._memory[first : first + count] = b"\1" * count
        base = (1 + first) * GRANULE_BYTES
        for buffer, start in zip(buffers, starts, strict=True):
            self._memory[base + start : base + start + len(buffer)] = buffer
        return first

    def close(self) -> None:
        """Unmap it. The receiver keeps what it has."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._memory.close()


class Incoming:
    """The receiver's end of a segment. It needs no closing: it goes when the connection and the last array have."""

    def __init__(self, pid: int, name: int) -> None:
        """Map the segment that process `pid` calls `name`. Raises OSError when that cannot be, for whatever reason."""
        if len(_incoming) >= SEGMENTS_MAX:
            raise OSError(f"this process has mapped {SEGMENTS_MAX} segments, which is the limit")
        file = os.open(f"/proc/{pid}/fd/{name >> 32}", os.O_RDWR | os.O_CLOEXEC)
        try:
            if (_name(file) ^ name) & 0xFFFF_FFFF:
                raise OSError(f"descriptor {name >> 32} of process {pid} is not the segment that was announced")
            if os.fstat(file).st_size != SEGMENT_BYTES or fcntl.fcntl(file, fcntl.F_GET_SEALS) & SEALS != SEALS:
                raise OSError(f"descriptor {name >> 32} of process {pid} is no segment, or one of another version")
            self._memory = mmap.mmap(file, SEGMENT_BYTES)
        finally:
            os.close(file)
        _incoming.add(self)
        self._memory[OPENED] = 1

    def views(self, first: int, lengths: Sequence[int]) -> tuple[memoryview, ...]:
        """Return the buffers that begin in granule `first`, writable and nobody else's.

        Their granules are free again when the last of them, and of the arrays made of them, has been dropped.

        Raises:
            ProtocolError: they would lie outside the segment.
        """
        starts, count = _layout(lengths)
        if first + count > GRANULES:
            raise ProtocolError(f"a frame names granules {first} to {first + count - 1}; there are {GRANULES}")
        lease = _Lease.from_buffer(self._memory)
        lease.begin(self, first, count)
        # Through PickleBuffer, since ctypes' own views have a format that memoryview.cast does not take.
        whole, base = pickle.PickleBuffer(memoryview(lease)).raw(), (1 + first) * GRANULE_BYTES
        places = zip(starts, lengths, strict=True)
        return tuple([whole[base + start : base + start + length] for start, length in places])

    def release(self, first: int, count: int) -> None:
        """Give granules back to the sender, and their memory to the system unless it lies near the beginning.

        That is where the sender looks first. Every segment keeps a share of WARM_BYTES, so that those of an
        unusual moment do not hold on to what they needed.
        """
        warm = WARM_BYTES // GRANULE_BYTES // max(len(_incoming), 1)
        if first + count > warm:
            cold = max(first, warm)
            start = (1 + cold) * GRANULE_BYTES
            self._memory.madvise(mmap.MADV_REMOVE, start, (first + count - cold) * GRANULE_BYTES)
        # Backwards, which mmap does byte by byte. Forwards it is a memcpy, which may write a byte twice: the second
        # time when the sender has already seen that it is free, and made it used again.
        self._memory[slice(first + count - 1, first - 1 if first else None, -1)] = bytes(count)


class _Lease(ctypes.c_ubyte * SEGMENT_BYTES):  # type: ignore[misc]
    """What the views of one frame's buffers hold on to, without any memory of its own: the whole segment once more.

    A view of a mapping says nothing when it goes, and mapping each value anew would cost as much as copying it.
    """

    def begin(self, segment: Incoming, first: int, count: int) -> None:
        self._segment, self._first, self._count = segment, first, count
        self._forks = _forks

    def __del__(self) -> None:
        if self._forks == _forks:
            self._segment.release(self._first, self._count)


_incoming: weakref.WeakSet[Incoming] = weakref.WeakSet()

# A fork leaves two processes with one array, and neither knows when the other drops it. So granules that were in use
# at a fork are never given back; a connection that has none left goes on through its socket.
_forks = 0


def _count_fork() -> None:
    global _forks
    _forks += 1


os.register_at_fork(before=_count_fork)


def _name(file: int) -> int:
    """Return the number by which another process finds this segment: descriptor, and inode as a check on it."""
    return file << 32 | os.fstat(file).st_ino & 0xFFFF_FFFF


def _layout(lengths: Sequence[int]) -> tuple[list[int], int]:
    """Return where each buffer starts, relative to the first granule, and how many granules they take together."""
    starts, end = [], 0
    for length in lengths:
        starts.append(end)
        end += -(-length // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    return starts, max(1, -(-end // GRANULE_BYTES))
