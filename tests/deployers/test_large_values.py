"""Large arrays between real processes: nobody changes another's, and the memory is freed however anybody ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest

import weaverlab as weaver
from tests.apps.large import Keeper, Middle
from tests.transport.holders import holders, segments_of, wait_until
from weaverlab import Deployment
from weaverlab.errors import CallLost, RemoteCallError

pytestmark = pytest.mark.usefixtures("no_process_left")

PATIENCE_S = 10.0
MEGABYTE = 1 << 17  # of doubles


@pytest.fixture
def app() -> Iterator[Deployment]:
    with weaver.deploy(Middle, deployer="multi") as deployment:
        yield deployment


def warm(app: Deployment) -> None:
    """Send until values go through shared memory."""
    for _ in range(3):
        app.get(Keeper).echo(numpy.zeros(MEGABYTE))
    assert segments_of() & app.get(Keeper).look()[1]


@contextlib.contextmanager
def losing(method: Callable[..., object], *args: object) -> Iterator[None]:
    """Call on another thread during the block, in which something happens that the call does not survive."""
    with ThreadPoolExecutor(1) as thread:
        call = thread.submit(method, *args)
        yield
        with pytest.raises(RemoteCallError):
            call.result(PATIENCE_S)


@pytest.mark.parametrize("deployer", ["rpc", "multi"])
def test_a_callee_changes_its_own_array_only(deployer: str) -> None:
    with weaver.deploy(Keeper, deployer=deployer) as app:
        keeper = app.get(Keeper)
        sent = numpy.arange(MEGABYTE, dtype="f8")

        for _ in range(4):  # the first through the socket
            returned = keeper.scribble(sent)
            assert returned.flags.writeable and (returned == -1.0).all()
            returned[:] = 7.0

        assert (sent == numpy.arange(MEGABYTE)).all()
        assert set(keeper.sums()) == {-1.0 * MEGABYTE}


@pytest.mark.parametrize("deployer", ["rpc", "multi"])
def test_the_same_holds_for_awaited_calls(deployer: str) -> None:
    with weaver.deploy(Keeper, deployer=deployer) as app:
        keeper = app.get(Keeper)
        sent = numpy.arange(MEGABYTE, dtype="f8")

        async def calls() -> None:
            for _ in range(4):
                several = await asyncio.gather(*(keeper.scribble_async(sent) for _ in range(3)))
                assert all((returned == -1.0).all() for returned in several)
                several[0][:] = 7.0
                assert (several[1] == -1.0).all()

        asyncio.run(calls())

        assert (sent == numpy.arange(MEGABYTE)).all()
        assert set(keeper.sums()) == {-1.0 * MEGABYTE}


def test_colocated_components_share_the_array_itself() -> None:
    with weaver.deploy(Keeper, deployer="single") as app:
        sent = numpy.arange(MEGABYTE, dtype="f8")

        assert app.get(Keeper).scribble(sent) is sent
        assert sent[5] == -1.0


def test_what_is_kept_for_ever_stays_right_and_memory_stays_bounded(app: Deployment) -> None:
    keeper = app.get(Keeper)
    for number in range(300):  # more than a segment has room for
        keeper.keep(numpy.full(MEGABYTE, number, dtype="f8"))
    sums = keeper.sums()  # which also touches every page, so that it counts
    before = keeper.memory_bytes()

    for number in range(2000):
        sent = numpy.full(MEGABYTE // 8, number, dtype="f8")
        assert keeper.echo(sent)[-1] == number

    assert sums == keeper.sums() == [float(number * MEGABYTE) for number in range(300)]
    assert keeper.memory_bytes() < before + 100 * 2**20


def test_descriptors_stay_level_over_a_thousand_large_calls(app: Deployment) -> None:
    warm(app)
    sent = numpy.zeros(MEGABYTE // 4)
    before, mine = app.get(Keeper).look(), len(os.listdir("/proc/self/fd"))

    for _ in range(1000):
        app.get(Keeper).echo(sent)

    assert app.get(Keeper).look() == before
    assert len(os.listdir("/proc/self/fd")) == mine


def test_when_a_callee_is_killed_in_the_middle_of_a_large_call_its_memory_is_freed(
    app: Deployment, tmp_path: Path
) -> None:
    warm(app)
    pid, inodes, _ = app.get(Keeper).look()

    with losing(app.get(Keeper).hold, numpy.zeros(16 * MEGABYTE), str(tmp_path)):
        wait_until((tmp_path / "holding").exists)
        os.kill(pid, signal.SIGKILL)

    assert len(inodes) >= 2
    wait_until(lambda: holders(inodes) == [])
    warm(app)  # it has been started again


def test_when_a_caller_is_killed_in_the_middle_of_a_large_call_its_memory_is_freed(
    app: Deployment, tmp_path: Path
) -> None:
    middle = app.get(Middle)
    assert middle.exchange(4)
    pid, inodes, _ = middle.look()

    with losing(middle.hold, 16, str(tmp_path)):
        wait_until((tmp_path / "holding").exists)
        os.kill(pid, signal.SIGKILL)

    assert len(inodes) >= 2
    wait_until(lambda: set(holders(inodes)) <= {app.get(Keeper).look()[0]})
    # `hold` never ends, but for its caller's end: then its argument, and the segment of that, go too.
    wait_until(lambda: holders(inodes) == [])


@pytest.mark.parametrize("is_async", [False, True], ids=["blocking", "awaited"])
def test_when_a_callee_is_killed_in_the_middle_of_a_stream_its_memory_is_freed(app: Deployment, is_async: bool) -> None:
    keeper = app.get(Keeper)
    pid = keeper.look()[0]
    inodes: set[int] = set()

    def look(number: int, array: numpy.ndarray) -> None:
        assert (array == number).all()
        if number == 3:  # the first went through the socket
            inodes.update(segments_of(pid))
            os.kill(pid, signal.SIGKILL)

    def read() -> None:
        for number, array in enumerate(keeper.arrays(8)):
            look(number, array)

    async def read_async() -> None:
        number = 0
        async for array in keeper.arrays_async(8):
            look(number, array)
            number += 1

    async def lose() -> None:  # in here, as what leaves `asyncio.run` waits for the garbage collector
        with pytest.raises(CallLost):
            await read_async()

    if is_async:
        asyncio.run(lose())
    else:
        with pytest.raises(CallLost):
            read()

    assert inodes
    wait_until(lambda: holders(inodes) == [])


SCRIPT = """
import threading, sys
import numpy
import weaverlab as weaver
from tests.apps.large import Middle, Keeper

app = weaver.deploy(Middle, deployer="multi")
def calls():
    array = numpy.arange(4 << 17)
    while True:
        assert (app.get(Keeper).echo(array) == array).all()
        assert app.get(Middle).exchange(4)
threads = [threading.Thread(target=calls, daemon=True) for _ in range(3)]
for _ in range(3):
    app.get(Keeper).echo(numpy.zeros(1 << 17))
print(*app.get(Keeper).look()[1], flush=True)
for thread in threads:
    thread.start()
sys.stdin.read()
"""


def test_when_the_deployer_is_killed_under_load_everything_is_freed() -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as script:
        assert script.stdout is not None
        inodes = {int(inode) for inode in script.stdout.readline().split()}
        wait_until(lambda: len(segments_of(script.pid)) > len(inodes))  # others have joined: there is traffic
        inodes |= segments_of(script.pid)

        script.send_signal(signal.SIGKILL)
        script.wait(PATIENCE_S)

    assert len(inodes) > 2
    wait_until(lambda: holders(inodes) == [])
