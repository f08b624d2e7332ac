"""The sender of a stream is never more than the window ahead of its reader, and the two never wait for each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.errors import ProtocolError
from weaverlab.wire.window import BYTES_MAX, ITEMS_MAX, ReceiveWindow, SendWindow

sizes = st.one_of(st.integers(0, 100), st.integers(0, BYTES_MAX), st.integers(BYTES_MAX // 2 - 2, BYTES_MAX + 2))


class Pair:
    """Both ends of one stream, and what is on its way between them. Each step returns whether it could be made."""

    def __init__(self, sizes: list[int]) -> None:
        self.sender, self.reader = SendWindow(), ReceiveWindow()
        self.unsent = deque(sizes)
        self.items: deque[tuple[int, int]] = deque()  # number, bytes: sent, and not received
        self.waiting: deque[tuple[int, int]] = deque()  # received, and not taken
        self.credits: deque[int] = deque()
        self.taken: list[int] = []
        self.steps: list[Callable[[], bool]] = [self.send, self.receive, self.take, self.credit]

    @property
    def ahead(self) -> list[int]:
        """The sizes of the items that have been sent and not been taken."""
        return [size for _, size in (*self.waiting, *self.items)]

    def send(self) -> bool:
        if not self.unsent or not self.sender.is_open:
            return False
        size = self.unsent.popleft()
        self.items.append((self.sender.sent(size), size))
        return True

    def receive(self) -> bool:
        if not self.items:
            return False
        self.reader.received(*self.items[0])
        self.waiting.append(self.items.popleft())
        return True

    def take(self) -> bool:
        if not self.waiting:
            return False
        self.taken.append(self.waiting.popleft()[0])
        if taken := self.reader.taken():
            self.credits.append(taken)
        return True

    def credit(self) -> bool:
        if not self.credits:
            return False
        self.sender.credit(self.credits.popleft())
        return True


@given(st.lists(sizes, max_size=100), st.randoms())
def test_every_item_arrives_once_in_order_whatever_the_interleaving(to_send: list[int], chance: Random) -> None:
    pair = Pair(to_send)

    def some_step() -> bool:
        return any(step() for step in chance.sample(pair.steps, len(pair.steps)))

    while some_step():
        assert len(pair.ahead) <= ITEMS_MAX
        assert sum(pair.ahead[:-1]) < BYTES_MAX

    assert pair.taken == list(range(1, len(to_send) + 1))


@given(st.lists(sizes, min_size=ITEMS_MAX + 2, max_size=ITEMS_MAX + 2))
def test_a_reader_that_stops_stops_the_sender(to_send: list[int]) -> None:
    pair = Pair(to_send)
    while pair.send() or pair.receive():
        pass

    assert len(pair.ahead) == ITEMS_MAX or sum(pair.ahead) >= BYTES_MAX


def test_an_item_larger_than_the_window_goes_alone() -> None:
    pair = Pair([100 * BYTES_MAX, 0])

    assert pair.send() and not pair.send()
    assert pair.receive() and pair.take() and pair.credit()
    assert pair.send()


def test_credits_are_few() -> None:
    pair, credits = Pair([10] * 100 * ITEMS_MAX), 0
    while pair.send():
        pair.receive()
        pair.take()
        credits += pair.credit()

    assert len(pair.taken) == 100 * ITEMS_MAX
    assert credits == 200


def test_a_sender_does_not_believe_in_items_it_has_not_sent() -> None:
    window = SendWindow()
    window.sent(1)
    window.sent(1)
    window.credit(1)
    window.credit(1)  # said again: it may be

    with pytest.raises(ProtocolError, match="a reader has taken 3 items after 1, of 2 that were sent"):
        window.credit(3)
    with pytest.raises(ProtocolError, match="taken 0 items after 1"):
        window.credit(0)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_reader_takes_no_item_twice_and_misses_none(number: int) -> None:
    window = ReceiveWindow()
    window.received(1, 10)

    with pytest.raises(ProtocolError, match=f"item {number} of a stream came after item 1"):
        window.received(number, 10)


@pytest.mark.parametrize(("item_bytes", "fit"), [(0, ITEMS_MAX), (BYTES_MAX // 2, 2), (BYTES_MAX, 1)])
def test_a_reader_refuses_what_it_has_no_room_for(item_bytes: int, fit: int) -> None:
    window = ReceiveWindow()
    for number in range(1, fit + 1):
        window.received(number, item_bytes)

    with pytest.raises(ProtocolError, match="came before there was room for it"):
        window.received(fit + 1, 0)
