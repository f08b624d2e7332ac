"""A wall clock that jumps, as one does that somebody sets: calls, deadlines, retries and restarts do not notice.

Everything waits by `SystemClock.now_s`, which is CLOCK_MONOTONIC and cannot be set; the wall clock is for people only.
"""

from __future__ import annotations

import ast
import asyncio
import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

import weaverlab as weaver
from benchmarks.fault_trials import wait_for
from tests.faults.sleeper import Sleeper
from weaverlab.clock import SystemClock
from weaverlab.errors import DeadlineExceeded

PACKAGE = Path(weaver.__file__).parent
# Whatever waits or decides; deployers and faces also show times to people.
TIMELESS = ("wire", "routing", "antipode", "component", "observe", "transport", "stores", "runtime")
# A version of RabbitMQ is a time: it names a message, and nothing waits for it or is decided by it.
NAMED_BY_TIME = PACKAGE / "stores" / "rabbitmq" / "messages.py"
WALL = {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime"}  # of module `time`
LATE_S = 2.0  # generous: it shows that nobody waits for the method
DAY_S = 86_400.0


def wall_clock_uses(path: Path) -> Iterator[str]:
    """Yield each place in a source file where the wall clock is read."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Attribute(attr="wall_s") | ast.Attribute(value=ast.Name(id="time"), attr=("time" | "time_ns")):
                yield f"{path}:{node.lineno}"
            case ast.Import(names=[ast.alias(name="datetime")]) | ast.ImportFrom(module="datetime"):
                yield f"{path}:{node.lineno}"
            case ast.ImportFrom(module="time", names=names) if WALL & {name.name for name in names}:
                yield f"{path}:{node.lineno}"


def test_nothing_that_waits_or_decides_reads_the_wall_clock() -> None:
    files = [file for package in TIMELESS for file in (PACKAGE / package).rglob("*.py") if file != NAMED_BY_TIME]

    assert len(files) > 50
    assert [use for file in files for use in wall_clock_uses(file)] == []
    assert list(wall_clock_uses(PACKAGE / "deployers" / "supervisor.py"))  # where times are shown, it is found


@pytest.fixture
def jumping_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the wall clock of this process go forward and back by a day whenever it is read."""
    jumps = itertools.cycle((DAY_S, -DAY_S, 0.0))
    now_s = time.time
    monkeypatch.setattr(time, "time", lambda: now_s() + next(jumps))
    monkeypatch.setattr(time, "time_ns", lambda: int((now_s() + next(jumps)) * 1e9))
    monkeypatch.setattr(SystemClock, "wall_s", staticmethod(time.time))
    yield


@pytest.mark.slow
@pytest.mark.usefixtures("no_process_left", "jumping_clock")
@pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])
def test_calls_and_deadlines_do_not_notice_a_wall_clock_that_jumps(deployer: Literal["single", "rpc", "multi"]) -> None:
    with weaver.deploy(Sleeper, deployer=deployer) as app:
        sleeper = app.get(Sleeper)
        pids = {sleeper.sleep(0.01) for _ in range(20)}

        async def calls() -> None:
            pids.update(await asyncio.gather(*(sleeper.sleep_async(0.01) for _ in range(20))))

        asyncio.run(calls())
        assert len(pids) == 1
        if deployer != "single":  # where a call is a function call, which nothing ends
            for late in (lambda: sleeper.sleep(LATE_S), lambda: asyncio.run(sleeper.sleep_async(LATE_S))):
                began_s = time.monotonic()
                with pytest.raises(DeadlineExceeded), weaver.timeout(0.2):
                    late()
                assert 0.2 <= time.monotonic() - began_s < LATE_S


@pytest.mark.slow
@pytest.mark.usefixtures("no_process_left", "jumping_clock")
def test_a_restart_does_not_notice_a_wall_clock_that_jumps() -> None:
    with weaver.deploy(Sleeper) as app:
        pid = app.get(Sleeper).sleep(0.0)
        os.kill(pid, signal.SIGKILL)

        assert app.get(Sleeper).sleep(0.0) != pid
        wait_for(lambda: app.replicas()[0].healthy)
        assert app.replicas()[0].restarts == 1
