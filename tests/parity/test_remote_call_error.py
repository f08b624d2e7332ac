"""`RemoteCallError`: the call did not complete, and says whether it may have had its effect all the same."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

import weaverlab as weaver
from weaverlab import Component, not_retriable
from weaverlab.errors import CallLost, DeadlineExceeded, NotPermitted, RemoteCallError, Unreachable, WeaverError


class Sleeper(Component):
    @not_retriable
    def sleep(self, gate: str) -> str:
        """Block until somebody writes to the FIFO `gate`."""
        return Path(gate).read_text()

    @not_retriable
    async def sleep_async(self) -> None:
        await asyncio.Event().wait()

    @not_retriable
    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def work(self) -> str:
        return "done"

    async def work_async(self) -> str:
        return "done"


def test_subclasses_tell_what_happened() -> None:
    assert {Unreachable, CallLost, DeadlineExceeded, NotPermitted} == set(RemoteCallError.__subclasses__())
    assert issubclass(RemoteCallError, WeaverError) and issubclass(DeadlineExceeded, TimeoutError)


def test_a_call_without_trouble_raises_none_of_them(deployer: str) -> None:
    with weaver.deploy(Sleeper, deployer=deployer) as app, weaver.timeout(5.0):
        assert app.get(Sleeper).work() == "done"


def let_go_on(gate: Path) -> None:
    """Write to a method that may still read, or has been ended with its call."""
    with contextlib.suppress(OSError), open(os.open(gate, os.O_WRONLY | os.O_NONBLOCK), "w") as pipe:
        pipe.write("go on")


@pytest.mark.parametrize("deployer", ["rpc", "multi"], indirect=True)  # "single": a call is a call in your own thread
async def test_a_call_whose_time_runs_out_may_have_executed(deployer: str, tmp_path: Path) -> None:
    os.mkfifo(gate := tmp_path / "gate")

    app = weaver.deploy(Sleeper, deployer=deployer)
    try:
        sleeper = app.get(Sleeper)
        assert sleeper.work() == await sleeper.work_async() == "done"  # there are connections: what follows is sent
        with weaver.timeout(0.5), pytest.raises(DeadlineExceeded) as sync:
            sleeper.sleep(str(gate))
        let_go_on(gate)
        with weaver.timeout(0.5), pytest.raises(DeadlineExceeded) as asynchronous:
            await sleeper.sleep_async()
    finally:
        await asyncio.to_thread(app.stop)

    for error in (sync.value, asynchronous.value):
        assert (type(error), error.maybe_executed, error.attempts) == (DeadlineExceeded, True, 1)
        assert "may have executed" in str(error)


@pytest.mark.parametrize("deployer", ["multi"], indirect=True)  # where a component can die alone
def test_a_call_whose_component_dies_is_lost(deployer: str) -> None:
    with weaver.deploy(Sleeper, deployer=deployer) as app, pytest.raises(CallLost) as lost:
        app.get(Sleeper).die()

    assert (lost.value.maybe_executed, lost.value.attempts) == (True, 1)
