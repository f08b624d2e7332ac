"""A segment alone: what one end puts in, the other sees; who frees what, and when; and that nothing is left."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.conftest import descriptors
from tests.transport.holders import holders, segments_of
from weaverlab.errors import ProtocolError
from weaverlab.transport import segments
from weaverlab.transport.segments import GRANULE_BYTES, GRANULES, Incoming, Outgoing

MiB = 1024 * 1024


@pytest.fixture
def ends():
    """Both ends of one segment, in one process."""
    outgoing = Outgoing()
    yield outgoing, Incoming(os.getpid(), outgoing.name)
    outgoing.close()


def put(outgoing: Outgoing, *contents: bytes) -> int:
    first = outgoing.put([memoryview(content) for content in contents])
    assert first is not None
    return first


def resident_bytes(outgoing: Outgoing) -> int:
    return os.fstat(outgoing._file).st_blocks * 512


@given(st.lists(st.binary(min_size=1).map(lambda some: some * 997), min_size=1, max_size=5), st.randoms())
def test_what_is_put_in_comes_out_whatever_was_there_before(values, random):
    outgoing = Outgoing()
    incoming = Incoming(os.getpid(), outgoing.name)
    held = []

    for _ in range(6):
        random.shuffle(values)
        held.append((list(values), incoming.views(put(outgoing, *values), [len(value) for value in values])))
        if random.random() < 0.5:
            held.pop(random.randrange(len(held)))

    assert all([bytes(view) for view in views] == values for values, views in held)
    outgoing.close()


def test_views_are_writable_bytes_at_addresses_that_any_array_can_start_at(ends):
    outgoing, incoming = ends

    views = incoming.views(put(outgoing, b"a" * 100, b"b" * 8000, b"c"), [100, 8000, 1])

    assert [(view.readonly, view.format, view.contiguous) for view in views] == [(False, "B", True)] * 3
    assert all(numpy.frombuffer(view, numpy.uint8).ctypes.data % 64 == 0 for view in views)


def test_granules_are_used_again_when_the_last_array_made_of_them_is_dropped(ends):
    outgoing, incoming = ends
    views = incoming.views(put(outgoing, bytes(800), bytes(800)), [800, 800])
    slice_of_one = numpy.frombuffer(views[1])[10:20].reshape(2, 5)

    del views
    assert put(outgoing, b"x") == 1

    del slice_of_one
    assert put(outgoing, b"x") == 0


class Copying:
    """The receiver's memory as the C library writes it: `memcpy` writes some bytes twice, here all, and `meanwhile`
    is what the sender does between two writes."""

    def __init__(self, memory: mmap.mmap, meanwhile: Callable[[], object]) -> None:
        self._memory = memory
        self._meanwhile = meanwhile

    def __setitem__(self, key: slice, value: bytes) -> None:
        writes = [(key, value)] * 2
        if key.step is not None:  # mmap writes these itself, each byte once
            writes = list(zip(range(*key.indices(GRANULES)), value, strict=True))
        for place, content in writes:
            self._memory[place] = content
            self._meanwhile()


@pytest.mark.parametrize("size", [1, 2, 3, 16, 17])
@pytest.mark.parametrize("size_meanwhile", [1, 2, 16])
@pytest.mark.parametrize("before", [0, 1])
def test_what_is_put_while_granules_are_given_back_stays_used(ends, size, size_meanwhile, before):
    outgoing, incoming = ends
    if before:
        put(outgoing, bytes(before * GRANULE_BYTES))
    first, later = put(outgoing, bytes(size * GRANULE_BYTES)), bytes(size_meanwhile * GRANULE_BYTES)
    places: list[int] = []

    def meanwhile() -> None:
        place = outgoing.put([memoryview(later)]) if len(places) < 3 else None
        if place is not None:
            places.append(place)

    memory = incoming._memory
    incoming._memory = Copying(memory, meanwhile)
    incoming.release(first, size)
    incoming._memory = memory

    assert all(memory[place : place + size_meanwhile] == b"\1" * size_meanwhile for place in places)
    assert len(places) == len(set(places))
    if size >= size_meanwhile:
        assert places


def test_the_sender_does_not_change_what_the_receiver_holds_nor_the_other_way_round(ends):
    outgoing, incoming = ends
    mine = bytearray(b"mine" * 1000)
    (view,) = incoming.views(put(outgoing, mine), [4000])

    mine[:4] = b"MINE"
    for _ in range(50):
        put(outgoing, b"later" * 10_000)
    assert bytes(view) == b"mine" * 1000

    view[:4] = b"your"
    assert bytes(mine[:8]) == b"MINEmine"


def test_a_receiver_that_keeps_everything_fills_the_segment_and_no_more(ends):
    outgoing, incoming = ends
    quarter = bytes(GRANULES // 4 * GRANULE_BYTES)
    kept = [incoming.views(put(outgoing, quarter), [len(quarter)]) for _ in range(4)]

    assert outgoing.put([memoryview(b"x")]) is None

    del kept[2]
    assert put(outgoing, b"x") == GRANULES // 2


def test_a_value_as_large_as_the_segment_fits_and_one_byte_more_does_not(ends):
    outgoing, _ = ends
    whole = mmap.mmap(-1, GRANULES * GRANULE_BYTES + 1)  # zeros that take no memory
    with memoryview(whole) as view, view[:-1] as fitting:
        assert outgoing.put([view]) is None
        assert outgoing.put([fitting]) == 0


def test_memory_beyond_what_is_kept_warm_goes_back_to_the_system_at_once(ends, monkeypatch):
    outgoing, incoming = ends
    monkeypatch.setattr(segments, "WARM_BYTES", 2 * MiB * len(segments._incoming))
    views = incoming.views(put(outgoing, b"x" * (16 * MiB)), [16 * MiB])
    assert resident_bytes(outgoing) >= 16 * MiB

    del views

    assert resident_bytes(outgoing) <= 2 * MiB + GRANULE_BYTES
    assert bytes(incoming.views(put(outgoing, b"y" * (16 * MiB)), [16 * MiB])[0]) == b"y" * (16 * MiB)


@pytest.mark.parametrize(("first", "length"), [(GRANULES, 1), (GRANULES - 1, GRANULE_BYTES + 1), (2**63, 1)])
def test_a_place_outside_the_segment_is_refused(ends, first, length):
    with pytest.raises(ProtocolError, match=f"there are {GRANULES}"):
        ends[1].views(first, [length])


def test_the_sender_knows_when_it_has_been_mapped_and_needs_its_descriptor_no_longer():
    outgoing = Outgoing()
    assert not outgoing.is_opened()
    before = descriptors()

    incoming = Incoming(os.getpid(), outgoing.name)
    assert outgoing.is_opened()

    assert descriptors() == before  # less the sender's, and more the receiver's
    outgoing.close()
    del incoming
    assert descriptors() == before - 2


def test_what_is_no_segment_is_not_mapped(tmp_path):
    before = descriptors()
    outgoing = Outgoing()
    number, inode = outgoing.name >> 32, outgoing.name & 0xFFFF_FFFF
    with open(tmp_path / "file", "w+b") as file:
        file.truncate(segments.SEGMENT_BYTES)
        for wrong in (
            number << 32 | inode ^ 1,  # another segment, as after a mix-up of processes
            segments._name(file.fileno()),  # of the right size, but its owner can cut it
            9999 << 32,  # no descriptor
        ):
            with pytest.raises(OSError):
                Incoming(os.getpid(), wrong)
    with pytest.raises(OSError):
        Incoming(0, outgoing.name)  # what the kernel calls a process that cannot be seen from here

    outgoing.close()
    assert descriptors() == before


def test_a_process_maps_a_bounded_number_of_segments(monkeypatch):
    monkeypatch.setattr(segments, "SEGMENTS_MAX", len(segments._incoming) + 1)
    outgoing = Outgoing()
    incoming = Incoming(os.getpid(), outgoing.name)
    array = numpy.frombuffer(incoming.views(0, [8])[0])
    del incoming  # the connection has ended, and the array lives on

    with pytest.raises(OSError, match="limit"):
        Incoming(os.getpid(), outgoing.name)

    del array
    Incoming(os.getpid(), outgoing.name)
    outgoing.close()


def test_granules_that_two_processes_hold_after_a_fork_are_never_given_back(ends):
    outgoing, incoming = ends
    (view,) = incoming.views(put(outgoing, b"held"), [4])

    child = os.fork()
    if not child:
        del view
        os._exit(0)
    os.waitpid(child, 0)
    assert put(outgoing, b"later") == 1  # the child's drop has freed nothing
    assert bytes(view) == b"held"

    del view
    assert put(outgoing, b"later") == 2  # nor has ours: another child might still look at it
    incoming.views(2, [5])
    assert put(outgoing, b"later") == 2  # what came after the fork is as ever


SENDER = """
import sys
from weaverlab.transport.segments import Outgoing
outgoing = Outgoing()
print(outgoing.name, outgoing.put([memoryview(b"from the dead" * 100_000)]), flush=True)
sys.stdin.read()
"""


def test_a_killed_sender_leaves_its_receiver_what_it_has_and_nothing_else():
    with subprocess.Popen([sys.executable, "-c", SENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sender:
        assert sender.stdout is not None
        name, place = map(int, sender.stdout.readline().split())
        incoming = Incoming(sender.pid, name)
        array = numpy.frombuffer(incoming.views(place, [1_300_000])[0], numpy.uint8)
        inodes = segments_of(sender.pid)

        sender.send_signal(signal.SIGKILL)
        sender.wait(10)

    assert len(inodes) == 1
    assert array.tobytes() == b"from the dead" * 100_000
    assert holders(inodes) == [os.getpid()]
    del array, incoming
    assert holders(inodes) == []


RECEIVER = """
import sys
from weaverlab.transport.segments import Incoming
incoming = Incoming(int(sys.argv[1]), int(sys.argv[2]))
kept = incoming.views(0, [1000])
print("mapped", flush=True)
sys.stdin.read()
"""


def test_a_killed_receiver_leaves_nothing_once_the_connection_is_closed():
    outgoing = Outgoing()
    put(outgoing, bytes(1000))
    command = [sys.executable, "-c", RECEIVER, str(os.getpid()), str(outgoing.name)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as receiver:
        assert receiver.stdout is not None
        assert receiver.stdout.readline() == b"mapped\n"
        inodes = segments_of(receiver.pid)

        receiver.send_signal(signal.SIGKILL)
        receiver.wait(10)

    assert holders(inodes) == [os.getpid()]
    outgoing.close()
    assert holders(inodes) == []


def test_arrays_that_live_until_the_interpreter_ends_make_no_noise():
    code = """
import os
from weaverlab.transport.segments import Incoming, Outgoing
outgoing = Outgoing()
kept = Incoming(os.getpid(), outgoing.name).views(outgoing.put([memoryview(b"x")]), [1])
class Cycle: pass
cycle = Cycle()
cycle.kept, cycle.itself = kept, cycle
"""
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stderr) == (0, "")
