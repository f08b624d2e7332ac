"""Far more calls than a callee can take: memory stays bounded at both ends, every caller sees its deadline, and the
callee works afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import weaverlab as weaver
from tests.apps.slow import Slow
from weaverlab import Deployment
from weaverlab.errors import DeadlineExceeded

pytestmark = [pytest.mark.usefixtures("no_process_left"), pytest.mark.slow]

KIB = 1024
TASKS = 20_000
# What is to be sent is 1,250 MiB. The caller holds 4 MiB of it that it has not sent, beside its tasks (some 10 KiB
# each, and as much again for the error that ends each, most of them at the same moment: 100 to 450 MiB together); the
# callee 1,024 calls, the data of each once as they came and once as a str.
CALLER_MIB_MAX = 700
CALLEE_MIB_MAX = 250

CALLER = """
import asyncio, sys
import weaverlab as weaver
from tests.apps.slow import Slow
from tests.deployers.test_overload import peak_mib
from weaverlab.errors import DeadlineExceeded

async def main(slow, tasks):
    data = "x" * 65536

    async def call():
        try:
            with weaver.timeout(4.0):
                await slow.hold(data)
        except DeadlineExceeded as error:
            return 1

    return sum(await asyncio.gather(*(call() for _ in range(tasks)))), await slow.answer()

with weaver.deploy(Slow, deployer="multi") as app:
    slow = app.get(Slow)
    asyncio.run(slow.answer())
    callee, before = app.replicas(Slow)[0].pid, peak_mib()
    callee_before = peak_mib(callee)
    late, answer = asyncio.run(main(slow, int(sys.argv[1])))
    print(late, answer, peak_mib() - before, peak_mib(callee) - callee_before)
"""


def peak_mib(pid: int | str = "self") -> int:
    """Return the most memory that a process has used so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // KIB


@pytest.fixture(scope="module")
def app() -> Iterator[Deployment]:
    with weaver.deploy(Slow, deployer="multi") as deployment:
        yield deployment


async def call_in_vain(app: Deployment, count: int, timeout_s: float) -> None:
    """Make `count` calls at once; every one of them must end at its deadline."""

    async def call() -> None:
        with weaver.timeout(timeout_s), pytest.raises(DeadlineExceeded):
            await app.get(Slow).hold("x" * 10_000)

    await asyncio.gather(*(call() for _ in range(count)))


@pytest.mark.timeout(180)
def test_twenty_thousand_tasks_with_64_kib_each_are_no_danger_to_anybodys_memory(tmp_path: Path) -> None:
    script = tmp_path / "caller.py"
    script.write_text(CALLER)

    run = subprocess.run(
        [sys.executable, script, str(TASKS)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=150,
        check=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )

    late, answer, caller_mib, callee_mib = map(int, run.stdout.split()[-4:])
    assert (late, answer) == (TASKS, 42)
    assert caller_mib < CALLER_MIB_MAX
    assert callee_mib < CALLEE_MIB_MAX


def test_a_callee_whose_loop_is_blocked_makes_its_callers_wait_no_longer_than_their_deadlines(app: Deployment) -> None:
    async def main() -> int:
        blocking = asyncio.ensure_future(app.get(Slow).block_loop(1.5))
        await asyncio.sleep(0.1)
        await asyncio.wait_for(call_in_vain(app, 5000, 0.5), 20)
        await blocking
        return await app.get(Slow).answer()

    assert asyncio.run(main()) == 42


def test_a_callee_that_is_stopped_makes_its_callers_wait_no_longer_than_their_deadlines(app: Deployment) -> None:
    pid = app.replicas(Slow)[0].pid

    async def main() -> int:
        assert await app.get(Slow).answer() == 42
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.wait_for(call_in_vain(app, 5000, 0.5), 20)
        finally:
            os.kill(pid, signal.SIGCONT)
        return await app.get(Slow).answer()

    assert asyncio.run(main()) == 42
    assert app.replicas(Slow)[0].pid == pid
