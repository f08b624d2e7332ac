"""An encrypted socket behaves like a plain one, for blocking and for non-blocking callers."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.transport.certificates import tls_of
from weaverlab.errors import Unreachable
from weaverlab.transport.answer import Answer
from weaverlab.transport.async_channel import AsyncLink
from weaverlab.transport.patience import Patience, never
from weaverlab.transport.sockets import set_kernel_timeout
from weaverlab.transport.tls_socket import CHUNK_BYTES, TlsSocket
from weaverlab.wire import MAX_FRAME_BYTES, FrameReader, encode_call

LARGE = os.urandom(CHUNK_BYTES * 5 + 12_345)


class Pair:
    """Two joined TLS sockets, and the plain ones below them."""

    def __init__(self, stack: ExitStack) -> None:
        below = socket.socketpair()
        for sock in below:
            sock.settimeout(5)
        outcome: list[TlsSocket] = []
        accepting = threading.Thread(target=lambda: outcome.append(tls_of("B/0").accept(below[1], patience())[0]))
        accepting.start()
        self.ours = tls_of("A/0").to("B/0").connect(below[0], patience())
        accepting.join(5)
        self.theirs = outcome[0]
        self.below_ours, self.below_theirs = below
        for sock in (self.ours, self.theirs):
            sock.settimeout(None)
            stack.callback(sock.close)


def patience() -> Patience:
    return Patience(5.0, never)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(stack)


def received(sock: TlsSocket, count: int) -> bytes:
    memory = bytearray(count)
    assert sock.recv_into(memory, 0, socket.MSG_WAITALL) == count
    return bytes(memory)


def test_what_one_end_sends_the_other_receives(pair):
    pair.ours.sendall(b"small")
    assert pair.theirs.recv(100) == b"small"

    pair.theirs.sendall(b"")
    pair.theirs.sendall(memoryview(b"back"))
    assert pair.ours.recv(100) == b"back"


def test_a_large_value_arrives_whole_while_its_sender_blocks(pair, in_thread: Callable):
    sending = in_thread(pair.ours.sendall, LARGE)

    assert received(pair.theirs, len(LARGE)) == LARGE
    assert sending() is None


def test_pieces_of_any_size_arrive_in_order(pair, in_thread: Callable):
    pieces = [b"a" * 10, b"", memoryview(LARGE), bytearray(b"b" * 100), b"c"]

    def send() -> None:
        queue = [piece for piece in pieces if len(piece)]
        while queue:
            sent = pair.ours.sendmsg(queue)
            while queue and sent >= len(queue[0]):
                sent -= len(queue.pop(0))
            if sent:
                queue[0] = memoryview(queue[0])[sent:]

    sending = in_thread(send)

    assert received(pair.theirs, sum(map(len, pieces))) == b"".join(pieces)
    assert sending() is None


def test_a_read_that_filled_its_memory_says_that_there_may_be_more(pair):
    pair.ours.sendall(b"0123456789")
    memory = bytearray(4)

    reads = [(pair.theirs.recv_into(memory), pair.theirs.may_hold_more, bytes(memory)) for _ in range(2)]
    is_signalled = bool(select.select([pair.theirs], [], [], 0)[0])
    last = pair.theirs.recv_into(memory), pair.theirs.may_hold_more, bytes(memory[:2])

    assert reads == [(4, True, b"0123"), (4, True, b"4567")]
    assert not is_signalled  # the selector knows nothing of what has been decrypted already
    assert last == (2, False, b"89")


def test_without_blocking_an_empty_socket_raises_what_a_plain_one_raises(pair):
    pair.theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        pair.theirs.recv_into(bytearray(10))

    pair.ours.sendall(b"12345")

    assert pair.theirs.recv_into(bytearray(10), 0, socket.MSG_WAITALL) == 5  # what there is, also when more is wanted


def test_a_send_that_blocks_is_repeated_with_the_same_bytes_and_nothing_is_lost_or_doubled(pair, in_thread: Callable):
    pair.ours.setblocking(False)
    left, blocked = memoryview(LARGE * 4), 0
    receiving: Callable | None = None
    while left:
        try:
            left = left[pair.ours.send(left) :]
        except BlockingIOError:
            blocked += 1
            receiving = receiving or in_thread(received, pair.theirs, len(LARGE) * 4)
            select.select([], [pair.ours], [], 5)

    assert blocked
    assert receiving is not None and receiving() == LARGE * 4


async def test_calls_that_the_peer_may_have_read_of_a_send_that_did_not_end_are_not_called_unexecuted(pair):
    pair.below_ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)  # takes some records of many
    pair.ours.setblocking(False)
    loop = asyncio.get_running_loop()
    link = AsyncLink(loop, pair.ours, "its address", MAX_FRAME_BYTES)
    answers = {call_id: Answer(loop) for call_id in range(1, 101)}
    for call_id, answer in answers.items():
        head, rest = encode_call(call_id, 0, 30.0, b"", b"", b"", "x" * 4000)
        link.begin(call_id, answer, loop.time() + 30.0, head, rest, False)

    async def outcome(answer: Answer) -> object:
        return await answer

    arrived, errors = await asyncio.gather(
        asyncio.to_thread(read_some_and_close, pair, 40),
        asyncio.gather(*map(outcome, answers.values()), return_exceptions=True),
    )

    certain = {call_id for call_id, error in zip(answers, errors, strict=True) if isinstance(error, Unreachable)}
    assert certain and not arrived & certain


def read_some_and_close(pair: Pair, calls: int) -> set[int]:
    reader, arrived = FrameReader(), set()
    while len(arrived) < calls:
        messages = reader.received(pair.theirs.recv_into(reader.buffer))
        arrived |= {message.call_id for message in messages}
    pair.below_theirs.close()
    return arrived


def test_the_kernels_timeouts_bound_a_send_and_a_receive(pair):
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        set_kernel_timeout(pair.ours, option, 0.02)

    with pytest.raises(BlockingIOError):
        pair.ours.recv_into(bytearray(10))
    with pytest.raises(BlockingIOError):
        pair.ours.sendall(LARGE * 50)


def test_a_peer_that_takes_a_little_at_a_time_cannot_hold_a_send_for_longer_than_its_timeout(pair):
    set_kernel_timeout(pair.ours, socket.SO_SNDTIMEO, 0.02)
    with pytest.raises(BlockingIOError):
        pair.ours.sendall(LARGE * 50)
    pair.below_theirs.recv(1000)  # some of it, and not what is missing of the chunk

    with pytest.raises(BlockingIOError):
        pair.ours.send(LARGE)


def test_a_polite_end_is_an_end(pair):
    pair.ours.sendall(b"last words")
    pair.ours.close()

    assert pair.theirs.recv(100) == b"last words"
    assert pair.theirs.recv(100) == b""
    assert pair.theirs.recv_into(bytearray(5), 0, socket.MSG_WAITALL) == 0


def test_an_end_in_the_middle_of_what_is_wanted_gives_what_there_was(pair):
    pair.ours.sendall(b"abc")
    pair.ours.close()

    assert pair.theirs.recv_into(bytearray(10), 0, socket.MSG_WAITALL) == 3
    assert pair.theirs.recv_into(bytearray(10), 0, socket.MSG_WAITALL) == 0


def test_a_stream_that_is_cut_off_is_lost_and_has_not_ended(pair):
    pair.ours.sendall(b"last words")
    pair.below_ours.shutdown(socket.SHUT_WR)  # as whoever sits in between might

    assert pair.theirs.recv(100) == b"last words"
    with pytest.raises(ConnectionResetError, match="its end was not announced"):
        pair.theirs.recv(100)


def test_a_stream_that_is_cut_in_the_middle_of_a_record_is_lost(pair):
    pair.ours._engine.write(b"some words")
    ciphertext = pair.ours._engine.take()
    pair.below_ours.send(ciphertext[:-3])
    pair.below_ours.shutdown(socket.SHUT_WR)

    with pytest.raises(ConnectionResetError):
        pair.theirs.recv_into(bytearray(10), 0, socket.MSG_WAITALL)


def test_a_changed_byte_is_noticed(pair):
    pair.ours._engine.write(b"pay 1 euro")
    ciphertext = bytearray(pair.ours._engine.take())
    ciphertext[8] ^= 1
    pair.below_ours.send(ciphertext)

    with pytest.raises(ssl.SSLError):
        pair.theirs.recv(100)


def test_a_fault_behind_good_bytes_ends_a_read_that_waits_for_more(pair):
    pair.ours._engine.write(b"pay 1 euro")
    ciphertext = pair.ours._engine.take()
    pair.below_ours.send(ciphertext * 2)

    assert pair.theirs.recv_into(bytearray(100), 0, socket.MSG_WAITALL) == len(b"pay 1 euro")
    assert pair.theirs.may_hold_more  # no selector would tell
    with pytest.raises(ssl.SSLError):
        pair.theirs.recv_into(bytearray(100), 0, socket.MSG_WAITALL)


def test_a_replayed_record_is_noticed(pair):
    pair.ours._engine.write(b"pay 1 euro")
    ciphertext = pair.ours._engine.take()
    pair.below_ours.send(ciphertext * 2)

    assert pair.theirs.recv(100) == b"pay 1 euro"
    with pytest.raises(ssl.SSLError):
        pair.theirs.recv(100)


def test_who_stops_reading_sees_an_end_and_may_still_answer(pair, in_thread: Callable):
    reading = in_thread(pair.theirs.recv, 100)
    pair.theirs.shutdown(socket.SHUT_RD)

    assert reading() == b""
    pair.theirs.sendall(b"goodbye")
    assert pair.ours.recv(100) == b"goodbye"


def test_a_forks_copy_that_is_closed_leaves_the_connection_to_its_maker(pair):
    child = os.fork()
    if not child:
        pair.ours.close()
        os._exit(0)
    os.waitpid(child, 0)

    pair.ours.sendall(b"still here")

    assert pair.theirs.recv(100) == b"still here"


def test_closing_again_or_after_the_peer_is_harmless(pair):
    pair.below_theirs.close()
    pair.ours.close()
    pair.ours.close()

    assert pair.ours.fileno() == -1
