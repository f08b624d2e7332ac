"""A caller that leaves, however it leaves, ends the work of all that it called, two processes down."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import weaverlab as weaver
from tests.apps.chain import Inner, Outer, wait_entries
from weaverlab import Deployment
from weaverlab.errors import CallLost, DeadlineExceeded

pytestmark = pytest.mark.usefixtures("no_process_left")

# What ends each of the two: a blocking method sees Cancelled, an async one CancelledError.
BLOCKING, AWAITED = "Cancelled", "CancelledError"
CHAINS = [("work", BLOCKING, BLOCKING), ("work_async", AWAITED, AWAITED)]
MIXED = [("blocks_on_async", BLOCKING, AWAITED), ("awaits_a_thread", AWAITED, BLOCKING)]


@pytest.fixture(scope="module")
def app() -> Iterator[Deployment]:
    with weaver.deploy(Outer, deployer="multi") as deployment:
        yield deployment


def begin(app: Deployment, method: str, folder: Path) -> None:
    """Call until it raises, whatever kind of method it is."""
    outer = app.get(Outer)
    if asyncio.iscoroutinefunction(getattr(outer, method)):
        asyncio.run(getattr(outer, method)(str(folder)))
    else:
        getattr(outer, method)(str(folder))


def assert_usable(app: Deployment) -> None:
    assert app.get(Outer).answer() == 42
    assert [replica.restarts for replica in app.replicas()] == [0, 0]


@pytest.mark.parametrize("method", [method for method, _, _ in [*CHAINS, *MIXED]])
def test_a_deadline_ends_the_work_of_all(app: Deployment, tmp_path: Path, method: str) -> None:
    with weaver.timeout(0.5), pytest.raises(DeadlineExceeded):
        begin(app, method, tmp_path)

    wait_entries(tmp_path, "inner ends", "outer ends")
    assert_usable(app)


def test_a_task_that_is_cancelled_ends_the_work_of_all(app: Deployment, tmp_path: Path) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(app.get(Outer).work_async(str(tmp_path)))
        await asyncio.to_thread(wait_entries, tmp_path, "inner begins")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    wait_entries(tmp_path, f"inner: {AWAITED}", f"outer: {AWAITED}")
    assert_usable(app)


SCRIPT = """
import asyncio, sys
import weaverlab as weaver
from tests.apps.chain import Outer

folder, method = sys.argv[1:]
with weaver.deploy(Outer, deployer="multi") as app:
    call = getattr(app.get(Outer), method)
    try:
        if asyncio.iscoroutinefunction(call):
            asyncio.run(call(folder))
        else:
            call(folder)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    sys.stdin.read()  # the deployment lives on until the test has seen what it wants
    print(app.get(Outer).answer())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("method", "outer", "inner"), [*CHAINS, *MIXED])
def test_ctrl_c_in_a_script_ends_the_work_of_all(tmp_path: Path, method: str, outer: str, inner: str) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "diary"
    script.write_text(SCRIPT)
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, script, folder, method],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    ) as caller:
        wait_entries(folder, "inner begins")
        caller.send_signal(signal.SIGINT)
        wait_entries(folder, f"inner: {inner}", f"outer: {outer}")

        assert caller.communicate("", timeout=20)[0].split() == ["interrupted", "42"]


@pytest.mark.parametrize(("method", "inner"), [("work", BLOCKING), ("work_async", AWAITED)])
def test_a_caller_that_is_killed_ends_the_work_of_its_callee(tmp_path: Path, method: str, inner: str) -> None:
    with weaver.deploy(Outer, deployer="multi") as app:
        lost: list[BaseException] = []

        def call() -> None:
            try:
                with weaver.timeout(1.0):  # it is repeated at the next Outer
                    begin(app, method, tmp_path)
            except (CallLost, DeadlineExceeded) as error:
                lost.append(error)

        calling = threading.Thread(target=call)
        calling.start()
        wait_entries(tmp_path, "inner begins")
        os.kill(app.replicas(Outer)[0].pid, signal.SIGKILL)
        wait_entries(tmp_path, f"inner: {inner}")
        calling.join(20)

        assert lost
        assert [replica.restarts for replica in app.replicas(Inner)] == [0]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "inner"), [("work", BLOCKING), ("work_async", AWAITED)])
def test_a_caller_that_is_frozen_ends_the_work_of_its_callee_soon_after_the_deadline(
    app: Deployment, tmp_path: Path, method: str, inner: str
) -> None:
    def call() -> None:
        with weaver.timeout(1.5), contextlib.suppress(DeadlineExceeded):
            begin(app, method, tmp_path)

    calling = threading.Thread(target=call)
    calling.start()
    wait_entries(tmp_path, "inner begins")
    frozen = app.replicas(Outer)[0].pid
    os.kill(frozen, signal.SIGSTOP)
    try:
        wait_entries(tmp_path, f"inner: {inner}")
    finally:
        os.kill(frozen, signal.SIGCONT)
    calling.join(20)

    assert_usable(app)


def test_a_method_may_ask_how_much_time_its_caller_has_left() -> None:
    assert weaver.remaining_s() is None
    with weaver.timeout(5):
        left_s = weaver.remaining_s()

    assert left_s is not None and 4 < left_s <= 5
