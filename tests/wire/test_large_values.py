"""What arrays, frames and tables are when they arrive, and how much of them is copied into the pickle on the way."""

from __future__ import annotations

import dataclasses
import datetime
import os

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.transport.segments import Incoming, Outgoing
from weaverlab.wire import decode_value, encode_value
from weaverlab.wire.values import LARGE_BYTES_MIN, OUT_OF_BAND_BYTES_MIN

ROWS = 20_000  # enough for every column to be worth a buffer of its own
IN_BAND_MAX = 4096  # what is left in the pickle when everything large is out of band


def through_socket(value: object) -> object:
    """Return `value` as a receiver gets it that has read its buffers from a socket."""
    payload, buffers, is_dill = encode_value(value)
    return decode_value(payload, [bytearray(buffer) for buffer in buffers], is_dill)


def through_memory(value: object) -> object:
    """Return `value` as a receiver gets it whose buffers are in a segment."""
    payload, buffers, is_dill = encode_value(value)
    outgoing = Outgoing()
    incoming = Incoming(os.getpid(), outgoing.name)
    place = outgoing.put(buffers)
    assert place is not None
    views = incoming.views(place, [len(buffer) for buffer in buffers]) if buffers else ()
    outgoing.close()  # the value lives on
    return decode_value(payload, views, is_dill)


BOTH_WAYS = pytest.mark.parametrize("travelled", [through_socket, through_memory])


def in_band_bytes(value: object) -> int:
    return len(encode_value(value)[0])


DTYPES = ["?", "i1", "u2", "<i4", ">i4", "i8", "u8", "f2", "f4", ">f8", "f8", "g", "F", "D", "S7", "V5"]


@BOTH_WAYS
@pytest.mark.parametrize("dtype", [*DTYPES, "U3", "M8[s]", "m8[ms]", "O"])
def test_an_array_of_any_type_arrives_as_it_was(travelled, dtype):
    sent = numpy.arange(ROWS).astype(dtype)

    arrived = travelled(sent)

    assert (arrived.dtype, arrived.shape) == (sent.dtype, sent.shape)
    assert (arrived == sent).all()
    assert arrived.flags.writeable


@pytest.mark.parametrize("dtype", [*DTYPES, "U3"])
def test_an_array_of_any_type_that_has_a_buffer_is_not_copied_into_the_pickle(dtype):
    assert in_band_bytes(numpy.arange(ROWS).astype(dtype)) < IN_BAND_MAX


@BOTH_WAYS
@pytest.mark.parametrize(
    "view",
    [
        lambda a: a.reshape(100, -1),
        lambda a: numpy.asfortranarray(a.reshape(100, -1)),
        lambda a: a.reshape(100, -1).T,
        lambda a: a.reshape(10, 20, -1).transpose(2, 0, 1),
        lambda a: a[::-2],
        lambda a: a.reshape(100, -1)[3:90, 5:100],
        lambda a: numpy.broadcast_to(a[:100], (50, 100)),
        lambda a: a[:0],
        lambda a: a.reshape(0, 5) if not a.size else a[:0].reshape(3, 0, 2),
        lambda a: a[7],
        lambda a: a[:1].reshape(()),
    ],
    ids=["C", "F", "T", "3-d", "strided", "slice", "broadcast", "empty", "empty-3-d", "scalar", "0-d"],
)
def test_an_array_of_any_layout_arrives_as_it_was(travelled, view):
    sent = view(numpy.arange(ROWS, dtype="f8"))

    arrived = travelled({"inside": [sent]})["inside"][0]

    assert arrived.shape == sent.shape
    assert (arrived == sent).all()
    if isinstance(sent, numpy.ndarray) and (sent.flags.c_contiguous or sent.flags.f_contiguous):
        assert arrived.flags.f_contiguous == sent.flags.f_contiguous


@BOTH_WAYS
def test_a_read_only_array_stays_read_only(travelled):
    sent = numpy.arange(ROWS)
    sent.flags.writeable = False

    arrived = travelled((sent,))[0]

    assert not arrived.flags.writeable
    assert (arrived == sent).all()


@BOTH_WAYS
def test_structured_masked_and_record_arrays_arrive_as_they_were(travelled):
    structured = numpy.zeros(ROWS, dtype=[("id", "i4"), ("at", "f8", (2,)), ("name", "S3")])
    structured["id"], structured["name"] = numpy.arange(ROWS), b"ab"
    masked = numpy.ma.masked_array(numpy.arange(ROWS), numpy.arange(ROWS) % 2 == 0)

    got, mask, records = travelled((structured, masked, structured.view(numpy.recarray)))

    assert (got == structured).all()
    assert (mask == masked).all() and (mask.mask == masked.mask).all()
    assert records.id[5] == 5
    assert in_band_bytes(structured) < IN_BAND_MAX


@dataclasses.dataclass
class Sample:
    at: datetime.datetime
    data: numpy.ndarray
    raw: bytes


@BOTH_WAYS
def test_buffers_at_any_depth_find_their_place_again(travelled):
    arrays = [numpy.full(ROWS, number) for number in range(5)]
    sample = Sample(datetime.datetime(2024, 1, 1), arrays[0], b"x" * LARGE_BYTES_MIN)
    value = ({"samples": [sample, (arrays[1], [arrays[2]])]}, arrays[3], b"y" * LARGE_BYTES_MIN, arrays[4], arrays[0])

    first, third, data, fourth, same = travelled(value)

    got, (one, (two,)) = first["samples"]
    assert [array[-1] for array in (got.data, one, two, third, fourth)] == [0, 1, 2, 3, 4]
    assert same is got.data  # one array, sent twice
    assert (got.at, got.raw, data) == (sample.at, sample.raw, value[2])
    got.data[0], one[0] = 100, 200
    assert [array[0] for array in (two, third, fourth)] == [2, 3, 4]


numbers = st.sampled_from(["u1", "i4", "f8", "D"])
large = st.one_of(
    st.builds(lambda n, t: numpy.arange(n).astype(t), st.integers(0, 3 * OUT_OF_BAND_BYTES_MIN), numbers),
    st.builds(lambda n: b"\xab" * n, st.integers(LARGE_BYTES_MIN - 2, LARGE_BYTES_MIN + 2)),
    st.builds(lambda n: bytearray(b"\xcd" * n), st.integers(LARGE_BYTES_MIN - 2, LARGE_BYTES_MIN + 2)),
)
nested = st.recursive(
    large | st.none() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def plain(value: object) -> object:
    """Return `value` with arrays and bytes as what compares by content and type."""
    if isinstance(value, numpy.ndarray):
        return (value.dtype.str, value.tolist())
    if isinstance(value, (bytes, bytearray)):
        return (type(value), bytes(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return (type(value), [plain(item) for item in value])
    return value


@BOTH_WAYS
@given(value=nested)
def test_whatever_is_nested_how_it_arrives_as_it_was_sent(travelled, value):
    assert plain(travelled(value)) == plain(value)


class OwnBuffer:
    """A class of an author's that puts its memory out of band itself, as pickle's documentation shows."""

    def __init__(self, memory: object) -> None:
        self.memory = memory

    def __reduce_ex__(self, protocol):
        import pickle

        return OwnBuffer, (pickle.PickleBuffer(self.memory),)


@BOTH_WAYS
def test_a_class_with_buffers_of_its_own_gets_them_as_writable_bytes(travelled):
    arrived = travelled(OwnBuffer(bytearray(b"z" * 10_000))).memory

    with memoryview(arrived) as view:
        assert (view.format, view.readonly, view.nbytes) == ("B", False, 10_000)
        assert view.cast("d").tolist()[0] == numpy.frombuffer(b"z" * 8)[0]
