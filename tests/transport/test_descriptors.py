"""Processes that have run out of descriptors: whoever asks for one is told, what is open goes on, and it passes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from tests.transport.conftest import ECHO, SECRET, World
from weaverlab.errors import RemoteCallError, Unreachable
from weaverlab.transport import AsyncChannel, SyncPool

pytestmark = pytest.mark.slow

TIMEOUT_S = 10.0
SHORT_S = 0.3  # for a call that nobody can take

CALLER = """
import asyncio, sys
from tests.transport.conftest import ECHO, SECRET
from tests.transport.starving import starved
from weaverlab.transport import AsyncChannel, SyncPool

def attempt(call):
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

async def channel():
    return AsyncChannel(sys.argv[1], SECRET)

warm, cold = SyncPool(sys.argv[1], SECRET), SyncPool(sys.argv[1], SECRET)
loop = asyncio.new_event_loop()
warm_channel, cold_channel = loop.run_until_complete(channel()), loop.run_until_complete(channel())
calls = [lambda pool=pool: pool.call(ECHO, "answered", 5.0).value for pool in (warm, cold)]
calls += [lambda way=way: loop.run_until_complete(way.call(ECHO, "answered", 5.0)).value
          for way in (warm_channel, cold_channel)]
calls[0](), calls[2]()
with starved():
    print([attempt(call) for call in calls])
print([attempt(call) for call in calls])
for way in (warm, cold, warm_channel, cold_channel):
    way.close()
loop.close()
"""


def test_a_caller_without_descriptors_is_told_so_and_calls_when_it_has_some_again(world: World) -> None:
    world.serve()

    command = [sys.executable, "-W", "error", "-c", CALLER, world.address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stderr
    starved, fed = map(eval, done.stdout.splitlines())
    assert starved[0] == starved[2] == "answered"  # on connections that were there
    for outcome in (starved[1], starved[3]):
        assert outcome.startswith("Unreachable: ") and "Too many open files" in outcome
        assert "was certainly not executed" in outcome
    assert fed == ["answered"] * 4
    assert done.stderr == ""


class Starving:
    """A server in another process."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        assert child.stdin is not None and child.stdout is not None
        self._stdin: IO[str] = child.stdin
        self._stdout: IO[str] = child.stdout
        assert self._said() == "ready"

    @contextmanager
    def starved(self, spare: int) -> Iterator[None]:
        self._say(str(spare))
        assert self._said() == "starved"
        yield

    def feed(self) -> float:
        """Return how many seconds of a processor it used since it has starved."""
        self._say("")
        return float(self._said())

    def _say(self, line: str) -> None:
        self._stdin.write(f"{line}\n")
        self._stdin.flush()

    def _said(self) -> str:
        return self._stdout.readline().rstrip()


@pytest.fixture
def starving(world: World) -> Iterator[tuple[Starving, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "tests.transport.starving", world.address]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as child:
        yield Starving(child), child
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(TIMEOUT_S) == 0


def call_async(address: str, timeout_s: float) -> object:
    async def call() -> object:
        channel = AsyncChannel(address, SECRET)
        try:
            return (await channel.call(ECHO, "awaited", timeout_s)).value
        finally:
            channel.close()
            await asyncio.sleep(0)

    return asyncio.run(call())


def test_a_server_without_descriptors_serves_whom_it_knows_and_others_when_it_has_some_again(
    world: World, starving: tuple[Starving, subprocess.Popen[str]]
) -> None:
    server, child = starving
    warm = world.pool()
    warm.call(ECHO, 1, TIMEOUT_S)

    with server.starved(0):
        for number in range(3):
            with pytest.raises(RemoteCallError) as caught:
                world.pool().call(ECHO, number, SHORT_S)
            assert not caught.value.maybe_executed
            assert warm.call(ECHO, number, TIMEOUT_S).value == number
        waiting = SyncPool(world.address, SECRET)  # its connection is in the backlog meanwhile
        began_s = time.monotonic()
        used_s = server.feed()
        assert waiting.call(ECHO, "new", TIMEOUT_S).value == "new"
        waiting.close()

    assert used_s < (time.monotonic() - began_s) + 3 * SHORT_S / 2  # it does not spin
    assert call_async(world.address, TIMEOUT_S) == "awaited"
    warm.close()
    _, said = child.communicate("", timeout=TIMEOUT_S)
    assert 0 < said.count("cannot accept") < 3  # once for each time, and not ten times a second


@pytest.mark.parametrize("spare", [2, 4])
def test_a_server_without_descriptors_for_its_event_loop_has_one_when_it_has_some_again(
    world: World, starving: tuple[Starving, subprocess.Popen[str]], spare: int
) -> None:
    server, _ = starving
    with server.starved(spare):
        try:
            assert call_async(world.address, SHORT_S) == "awaited"
        except RemoteCallError as error:
            assert isinstance(error, Unreachable) or "closed" in str(error) or "reset" in str(error)
        server.feed()

    assert call_async(world.address, TIMEOUT_S) == "awaited"
    assert world.pool().call(ECHO, "blocking", TIMEOUT_S).value == "blocking"
