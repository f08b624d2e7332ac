"""Real clients and a real server with a relay between them that changes one piece of what one of them says.

Every call must end within its time and a bound, with an answer or with one of the errors that calls end with; the
server must go on serving others; and no thread or event loop may meet an exception that nobody catches. What is
answered is not unpickled: a pickle that was changed may do anything, by design, so payloads have a test of their own
(`test_payloads`).
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import random
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy

from tests.fuzz.mutations import FRAME_BYTES_MAX, one_change
from tests.fuzz.recording import ECHO, FAIL, HANDSHAKE_MESSAGES, SECRET, Speaker, Splitter
from tests.fuzz.relay import Cut, Passage, Said, relay
from weaverlab.errors import AuthenticationError, ProtocolError, RemoteCallError
from weaverlab.transport import AsyncChannel, Server, SyncPool
from weaverlab.transport.streaming_async import open_async_stream
from weaverlab.transport.streaming_sync import open_sync_stream
from weaverlab.transport.terms import Terms
from weaverlab.wire import Mode
from weaverlab.wire.stream_messages import ReceivedItem
from weaverlab.wire.values import OUT_OF_BAND_BYTES_MIN

TIMEOUT_S = 0.2  # of one call: what is left waiting for the rest of a frame waits so long
LATE_S = 10.0  # generous: it shows that nothing hangs, and does not measure
AT_ONCE = 32  # clients
PIECES = HANDSHAKE_MESSAGES + 8  # to choose from: the handshake, the frames of three calls, and some of a stream

# How a call may end that is not answered; anything else is a fault of ours.
EXPECTED = (RemoteCallError, AuthenticationError, ProtocolError)


@dataclass(frozen=True)
class Trial:
    """Which piece of whom is changed, and how; made from a seed alone, so that it can be made again."""

    seed: int

    def __str__(self) -> str:
        return f"live trial {self.seed}: {self.kind} of piece {self.piece} of the {self.sender.value}"

    @property
    def sender(self) -> Said:
        return list(Said)[self.seed % 2]

    @property
    def piece(self) -> int:
        return self.seed // 2 % PIECES

    @property
    def kind(self) -> str:
        return ("change", "replay", "loss", "delay", "end")[self.seed // 2 // PIECES % 5]

    @property
    def rng(self) -> random.Random:
        return random.Random(self.seed)


class Changing(Passage):
    """Carries pieces, and does to one of them what a trial says."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._splitter = Splitter()
        self._number = 0
        self._held = b""

    def carry(self, who: Said, data: bytes) -> bytes:
        if who is not self._trial.sender:
            return data
        return b"".join(self._changed(piece) for piece in self._splitter.pieces(data))

    def _changed(self, piece: bytes) -> bytes:
        number, self._number = self._number, self._number + 1
        if number != self._trial.piece:
            held, self._held = self._held, b""
            return piece + held
        match self._trial.kind:
            case "change":
                return one_change(piece, self._trial.rng)
            case "replay":
                return piece * 2
            case "loss":
                return b""
            case "delay":  # until the next piece has overtaken it
                self._held = piece
                return b""
            case _:
                raise Cut(piece[: self._trial.rng.randrange(len(piece))])


@dataclass
class Ward:
    """A server, and the relays in front of it."""

    folder: str
    server: Server
    rejected: list[str]

    @property
    def address(self) -> str:
        return f"unix:{self.folder}/s"

    @contextmanager
    def changing(self, trial: Trial) -> Iterator[str]:
        """Lead to the server through a relay of this trial."""
        path = f"{self.folder}/{trial.seed}"
        with relay(path, f"{self.folder}/s", lambda: Changing(trial)):
            yield f"unix:{path}"


@contextmanager
def ward() -> Iterator[Ward]:
    """Serve. Raises AssertionError at the end when something was raised that nobody has caught."""
    with ExitStack() as stack:
        stack.enter_context(nothing_uncaught())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wl-"))
        rejected: list[str] = []
        server = Server(f"unix:{folder}/s", SECRET, Speaker(), rejected.append, max_frame_bytes=FRAME_BYTES_MAX)
        server.start()
        stack.callback(server.stop, 1.0)
        yield Ward(folder, server, rejected)


class Uncaught(logging.Handler):
    """Keeps what threads and event loops have to say of an exception that came out at their top."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def of_thread(self, error: threading.ExceptHookArgs) -> None:
        self.found.append("".join(traceback.format_exception(error.exc_type, error.exc_value, error.exc_traceback)))

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(logging.Formatter().format(record))


@contextmanager
def nothing_uncaught() -> Iterator[None]:
    """Raise AssertionError at the end of the block if a thread or an event loop met an exception in it."""
    uncaught, loops, before = Uncaught(), logging.getLogger("asyncio"), threading.excepthook
    loops.addHandler(uncaught)
    threading.excepthook = uncaught.of_thread
    try:
        yield
    finally:
        threading.excepthook = before
        loops.removeHandler(uncaught)
    assert not uncaught.found, f"{len(uncaught.found)} exceptions that nobody caught, first {uncaught.found[0]}"


STREAM = Terms(TIMEOUT_S, TIMEOUT_S, b"", b"", b"", False)
LARGE = numpy.zeros(OUT_OF_BAND_BYTES_MIN, dtype=numpy.uint8)  # travels beside the pickle
CALLS = ((ECHO, ("a", 1), b""), (ECHO, ("with", LARGE), b"l" * 40), (FAIL, (), b""))


def run_sync(ward: Ward, trials: Iterator[int]) -> collections.Counter[str]:
    """Let blocking callers go through one trial each; return what came of their calls. Raises AssertionError."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return sum(threads.map(lambda seed: _one_sync(ward, Trial(seed)), trials), collections.Counter())


def _one_sync(ward: Ward, trial: Trial) -> collections.Counter[str]:
    outcomes: collections.Counter[str] = collections.Counter()
    with ward.changing(trial) as address:
        pool = SyncPool(address, SECRET)
        for method, args, lineage in CALLS:
            with _watched(trial, outcomes):
                reply = pool.call(method, args, TIMEOUT_S, lineage=lineage)
                outcomes["answer" if reply.ok else "failure"] += 1
        with (
            _watched(trial, outcomes),
            contextlib.closing(open_sync_stream(pool, ECHO, (), STREAM)) as stream,
        ):
            while type(stream.receive(TIMEOUT_S)) is ReceivedItem:
                pass
            outcomes["whole stream"] += 1
        pool.close()
    return outcomes


def run_mux(ward: Ward, trials: Iterator[int]) -> collections.Counter[str]:
    """The same for async callers."""

    async def some() -> collections.Counter[str]:
        total: collections.Counter[str] = collections.Counter()

        async def worker() -> None:
            for seed in trials:
                total.update(await _one_mux(ward, Trial(seed)))

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
        return total

    return asyncio.run(some())


async def _one_mux(ward: Ward, trial: Trial) -> collections.Counter[str]:
    outcomes: collections.Counter[str] = collections.Counter()

    async def call(method: int, args: object, lineage: bytes) -> None:
        with _watched(trial, outcomes):
            reply = await asyncio.wait_for(channel.call(method, args, TIMEOUT_S, lineage=lineage), LATE_S)
            outcomes["answer" if reply.ok else "failure"] += 1

    with ward.changing(trial) as address:
        channel = AsyncChannel(address, SECRET)
        await call(*CALLS[0])
        await asyncio.gather(*(call(*one) for one in CALLS[1:]))
        with _watched(trial, outcomes):
            await asyncio.wait_for(_read_stream(channel), LATE_S)
            outcomes["whole stream"] += 1
        channel.close()
        await asyncio.sleep(0)
    return outcomes


async def _read_stream(channel: AsyncChannel) -> None:
    with contextlib.closing(await open_async_stream(channel, ECHO, (), STREAM)) as stream:
        while type(await stream.receive(TIMEOUT_S)) is ReceivedItem:
            pass


@contextmanager
def _watched(trial: Trial, outcomes: collections.Counter[str]) -> Iterator[None]:
    """Count an expected error; fail on any other, and when it took too long."""
    began_s = time.monotonic()
    try:
        yield
    except EXPECTED as error:
        outcomes[type(error).__name__] += 1
    except Exception as error:
        raise AssertionError(f"{trial}: {type(error).__name__}: {error}") from error
    took_s = time.monotonic() - began_s
    assert took_s < LATE_S, f"{trial}: a call of {TIMEOUT_S} s took {took_s:.1f} s"


RUNNERS: dict[Mode, Callable[[Ward, Iterator[int]], collections.Counter[str]]] = {
    Mode.SYNC: run_sync,
    Mode.MUX: run_mux,
}
