"""Values survive the wire, with arrays and large bytes beside the pickle instead of inside it."""

from __future__ import annotations

import threading

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.errors import CannotTravel
from weaverlab.wire import decode_value, encode_value
from weaverlab.wire.values import LARGE_BYTES_MIN

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


def travelled(value: object) -> object:
    """Return `value` as a receiver gets it: its buffers in memory of their own."""
    payload, buffers, is_dill = encode_value(value)
    return decode_value(payload, [bytearray(buffer) for buffer in buffers], is_dill)


@given(values)
def test_a_value_arrives_as_it_was_sent(value):
    assert travelled(value) == value


def test_an_array_is_not_copied_into_the_pickle():
    payload, buffers, _ = encode_value((numpy.zeros(100_000),))

    assert len(payload) < 500
    assert [buffer.nbytes for buffer in buffers] == [800_000]


def test_an_array_that_arrives_is_writable_and_independent_of_the_one_sent():
    sent = numpy.arange(100_000)

    (arrived,) = travelled((sent,))
    arrived[0] = 17

    assert sent[0] == 0
    assert arrived[1:].tolist() == sent[1:].tolist()


def test_a_small_array_is_writable_too():
    (arrived,) = travelled((numpy.zeros(3),))

    arrived[0] = 1.0

    assert encode_value(arrived)[1] == []


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize("wrap", [lambda item: item, lambda item: (1, item)], ids=["alone", "as an argument"])
def test_large_bytes_go_beside_the_pickle_and_keep_their_type(kind, wrap):
    value = wrap(kind(b"x" * LARGE_BYTES_MIN))

    payload, buffers, _ = encode_value(value)

    assert len(payload) < 200
    assert len(buffers) == 1
    assert travelled(value) == value
    assert type(travelled((kind(LARGE_BYTES_MIN),))[0]) is kind


def test_what_pickle_cannot_encode_is_left_to_dill():
    payload, buffers, is_dill = encode_value((lambda x: x + 1,))

    assert is_dill
    assert decode_value(payload, buffers, is_dill)[0](1) == 2


def test_a_value_that_cannot_be_pickled_is_named_with_its_position():
    endless = (number for number in range(3))

    with pytest.raises(CannotTravel, match="Item 2 of 2, of type generator"):
        encode_value((threading.get_ident(), endless))


def test_a_method_that_returns_a_coroutine_is_told_to_be_async():
    async def later() -> None:
        pass

    coroutine = later()
    with pytest.raises(CannotTravel, match=r"type coroutine cannot be pickled.*\n.*is to be `async def`"):
        encode_value(coroutine)

    coroutine.close()


def test_a_failing_unpickle_says_that_the_value_arrived():
    payload, _, _ = encode_value((1, 2))

    with pytest.raises(CannotTravel, match="arrived but could not be unpickled"):
        decode_value(payload[:-2])
