"""The limit must be a correct one: values come back whole, large ones out of band, and the end is noticed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy
import pytest

from benchmarks import raw
from benchmarks.values import ITEMS, VALUES, size_bytes

IN_BAND = (raw.send_in_band, raw.receive_in_band)
OUT_OF_BAND = (raw.send_out_of_band, raw.receive_out_of_band)


@pytest.fixture(params=[IN_BAND, OUT_OF_BAND], ids=["in band", "out of band"])
def exchange(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Yield a function that sends a value to an echoing thread and returns what comes back."""
    send, receive = request.param
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=raw._answer, args=(theirs, raw.itself, send, receive))
    thread.start()

    def call(value: object) -> Any:
        send(ours, value)
        return receive(ours)

    yield call
    ours.close()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_as_it_was(exchange: Any, name: str) -> None:
    value = VALUES[name]

    answer = exchange(value)

    if isinstance(value, numpy.ndarray):
        assert numpy.array_equal(answer, value)
    elif isinstance(value, bytes):
        assert bytes(answer) == value
    else:
        assert answer == value


@pytest.mark.parametrize(("send", "receive"), [IN_BAND, OUT_OF_BAND], ids=["in band", "out of band"])
def test_a_stream_brings_its_items_and_no_more(send: Any, receive: Any) -> None:
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=raw._answer, args=(theirs, raw.itself, raw.for_each_item(send), receive))
    thread.start()

    with ours:
        for value in ("first", "second"):  # an item too many of the first would be taken for one of the second
            send(ours, value)
            assert [receive(ours) for _ in range(ITEMS)] == [value] * ITEMS

    thread.join(5)
    assert not thread.is_alive()


def test_the_record_has_ten_fields_and_about_a_kibibyte() -> None:
    record = VALUES["record"]

    assert isinstance(record, dict)
    assert len(record) == 10
    assert 1000 <= size_bytes(record) <= 1100
