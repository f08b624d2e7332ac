"""What every deployer must do, as classes of pytest tests to derive from. The deployers of WeaverLab pass them.

    class TestSubprocesses(EngineSuite):
        deployer = Subprocesses()

`DeployerSuite` holds for deployers of every kind; `EngineSuite` adds what is about processes: that they die, hang,
print, and lose their deployer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from weaverlab.config import parse
from weaverlab.deployers import Deployment, deploy
from weaverlab.deployers.version import Deployer
from weaverlab.errors import CallLost, DeclarationError, DeployError, RemoteApplicationError, StoppedError
from weaverlab.runtime import context
from weaverlab.testing.leftovers import nothing_left
from weaverlab.testing.processes import started_processes, wait_gone
from weaverlab.testing.sample import FailsInInit, FailsInMain, Fragile, Order, Shop, SoldOut, Stock, Warehouse

Seen = TypeVar("Seen")

PATIENCE_S = 20.0  # for what must happen in the end, on a machine that is busy with other things


class FakeStock:
    """Answers for the stock in the process of the test."""

    def take(self, order: Order) -> Order:
        return Order(order.name, os.getpid())

    def describe(self, name: str, count: int = 1, *, reason: str = "none", **notes: str) -> str:
        return "nothing"

    def pid(self) -> int:
        return os.getpid()

    async def double(self, number: int) -> int:
        return number


class DeployerSuite:
    """What an application sees is the same under every deployer. Derive a class `Test...` and set `deployer`."""

    deployer: Deployer

    @pytest.fixture(scope="class")
    @classmethod
    def app(cls) -> Iterator[Deployment]:
        """One deployment for the tests that only look."""
        with cls.deployed(Shop, config=parse("[Warehouse]\nleft = 7\n")) as app:
            yield app

    @classmethod
    @contextlib.contextmanager
    def deployed(cls, *components: type, **options: Any) -> Iterator[Deployment]:
        """Deploy, and see to it that nothing is left behind."""
        with nothing_left(PATIENCE_S), deploy(*components, deployer=cls.deployer, **options) as app:
            yield app

    def test_a_call_carries_records_there_and_back(self, app: Deployment) -> None:
        assert app.get(Stock).take(Order("tea", 3)) == Order("tea", 3)
        assert app.get(Shop).take(Order("tea", 4)) == Order("tea", 4)

    def test_a_method_takes_arguments_as_its_interface_declares_them(self, app: Deployment) -> None:
        stock = app.get(Stock)

        assert stock.describe("tea") == "1 tea, none, [], for None"
        assert (
            stock.describe(name="tea", count=2, reason="thirst", size="big")
            == "2 tea, thirst, [('size', 'big')], for None"
        )
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
            stock.describe()  # type: ignore[call-arg]

    def test_an_exception_keeps_class_arguments_and_cause_and_shows_where_it_was_raised(self, app: Deployment) -> None:
        with pytest.raises(SoldOut) as raised:
            app.get(Shop).take(Order("tea", 8))

        shown = "".join(traceback.format_exception(raised.value))
        assert (raised.value.name, raised.value.left) == ("tea", 7)
        assert "raise SoldOut(order.name, self.config.left) from missing" in shown
        assert "KeyError: 'tea'" in shown

    def test_async_methods_are_awaited_from_any_event_loop(self, app: Deployment) -> None:
        for _ in range(2):
            assert asyncio.run(app.get(Shop).doubles([1, 2, 3])) == [2, 4, 6]

    def test_metadata_travels_with_the_call(self, app: Deployment) -> None:
        with context.metadata(user="ann"):
            assert app.get(Stock).describe("tea").endswith("for ann")

    def test_calls_come_from_many_threads_at_once(self, app: Deployment) -> None:
        def take(number: int) -> int:
            return app.get(Shop).take(Order("tea", number % 7)).count

        with ThreadPoolExecutor(8) as callers:
            assert list(callers.map(take, range(56))) == [number % 7 for number in range(56)]

    def test_the_status_names_components_and_counts_calls(self, app: Deployment) -> None:
        before = _calls(app)
        app.get(Stock).pid()

        assert _calls(app) == before + 1
        assert {component.name for component in app.status().components} == {"Shop", "Warehouse"}
        assert {name for replica in app.replicas() for name in replica.components} == {"Shop", "Warehouse"}
        assert all(replica.healthy for replica in app.replicas())

    def test_a_listener_is_bound_and_reported(self, app: Deployment) -> None:
        host, _, port = app.listener("web").partition(":")

        assert host == "127.0.0.1" and int(port) > 0

    def test_a_misspelt_component_leads_to_the_right_one(self, app: Deployment) -> None:
        with pytest.raises(DeclarationError, match=r"'Warehose' is not a component.*Did you mean 'Warehouse'"):
            app.get("Warehose")

    def test_a_fake_answers_in_the_process_of_the_test(self) -> None:
        with self.deployed(Shop, fakes={Stock: FakeStock()}) as app:
            assert app.get(Shop).take(Order("tea", 1)) == Order("tea", os.getpid())
            assert app.get(Shop).stock_pid() == os.getpid()

    def test_main_runs_when_asked_and_its_log_lines_are_kept(self) -> None:
        with self.deployed(Shop) as app:
            app.run_main()

            lines = [entry for entry in app.logs() if entry["message"] == "open, with 1 left"]
        assert [(line["component"], line["level"]) for line in lines] == [("Shop", "INFO")]

    def test_what_main_raises_is_raised_where_it_is_waited_for(self) -> None:
        with self.deployed(FailsInMain) as app, pytest.raises(SoldOut, match="everything"):
            app.run_main()

    def test_an_init_that_fails_fails_the_deploy_with_its_traceback(self) -> None:
        with pytest.raises(DeployError) as failed, self.deployed(Shop, FailsInInit):
            raise AssertionError("it was deployed")

        assert 'raise ValueError("no such disk")' in str(failed.value)

    def test_after_stop_the_last_status_stays_and_handles_are_refused(self) -> None:
        with self.deployed(Shop) as app:
            app.stop()
            app.stop()

            assert app.status().state == "stopped"
            with pytest.raises(StoppedError):
                app.get(Stock)


class EngineSuite(DeployerSuite):
    """What is about processes; for deployers by engines. An engine must be picklable: its class can be imported."""

    def test_every_component_has_a_process_of_its_own_and_as_many_as_asked_for(self) -> None:
        with self.deployed(Shop, replicas={Warehouse: 2}) as app:
            pids = {replica.pid for replica in app.replicas()}
            answers = {app.get(Stock).pid() for _ in range(4)}

        assert len(pids) == 3 and os.getpid() not in pids
        assert answers <= pids and len(answers) == 2

    def test_components_that_are_colocated_share_a_process(self) -> None:
        with self.deployed(Shop, colocate=[[Shop, Warehouse]]) as app:
            assert [app.get(Shop).stock_pid()] == [replica.pid for replica in app.replicas()]

    def test_a_method_cannot_end_its_process(self) -> None:
        with self.deployed(Fragile) as app:
            fragile = app.get(Fragile)
            pid = fragile.pid()

            with pytest.raises(RemoteApplicationError, match="SystemExit"):
                fragile.exit_in_method()
            assert fragile.pid() == pid

    def test_a_killed_process_is_started_again_and_calls_that_may_be_repeated_do_not_notice(self) -> None:
        with self.deployed(Fragile) as app:
            first = app.get(Fragile).pid()

            os.kill(first, signal.SIGKILL)

            assert app.get(Fragile).pid() != first

    def test_scaling_starts_processes_and_stops_them(self) -> None:
        with self.deployed(Fragile) as app:
            app.scale(Fragile, 3)

            assert len({app.get(Fragile).pid() for _ in range(6)}) == 3
            app.scale(Fragile, 1)
            assert {app.get(Fragile).pid() for _ in range(3)} == {replica.pid for replica in app.replicas()}

    def test_a_paused_process_gets_no_calls_until_it_may_go_on(self) -> None:
        with self.deployed(Fragile, replicas={Fragile: 2}) as app:
            paused = app.replicas()[1]
            app.pause(paused.id)

            assert paused.pid not in {app.get(Fragile).pid() for _ in range(6)}
            assert [replica.state for replica in app.replicas()] == ["ready", "paused"]
            app.resume(paused.id)
            _eventually(lambda: app.get(Fragile).pid() == paused.pid)

    def test_a_process_can_be_killed_on_purpose_and_is_counted(self) -> None:
        with self.deployed(Fragile) as app:
            first = app.get(Fragile).pid()

            app.kill("Fragile/0")

            assert app.get(Fragile).pid() != first
            assert [replica.restarts for replica in app.replicas()] == [1]
            assert "app.kill()" in app.replicas()[0].last_death

    def test_a_call_that_must_not_be_repeated_says_that_it_may_have_been_executed(self) -> None:
        with self.deployed(Fragile) as app:
            with pytest.raises(CallLost) as lost:
                app.get(Fragile).die(1)

            assert lost.value.maybe_executed and lost.value.attempts == 1

    def test_a_process_that_keeps_dying_fails_the_deployment_with_its_last_words(self) -> None:
        with self.deployed(Fragile, config=parse("[multi]\nrestarts_max = 0\n")) as app:
            with pytest.raises(CallLost):
                app.get(Fragile).die(7)
            with pytest.raises(StoppedError) as ended:
                _eventually(lambda: app.get(Fragile).pid() == 0)

        for words in ("Fragile/0", "exited with code 7", "restarts_max = 0", "my last words"):
            assert words in str(ended.value)

    def test_printed_lines_carry_the_name_of_their_replica(self) -> None:
        said = Said("printed by main")
        with self.deployed(Shop, show=said) as app:
            app.run_main()

            said.wait()
        assert said.entry["replica"] == "Shop/0"

    def test_a_call_in_flight_ends_before_its_process_is_stopped(self, tmp_path: Path) -> None:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        with self.deployed(Fragile) as app, ThreadPoolExecutor(2) as others:
            answer = others.submit(app.get(Fragile).wait_for, str(fifo))
            with os.fdopen(_eventually(lambda: _writer(fifo)), "w") as pipe:  # as soon as the call has arrived
                stopped = others.submit(app.stop, PATIENCE_S)
                _eventually(lambda: not app.is_running)
                pipe.write("drained")

            assert answer.result(PATIENCE_S) == "drained"
            stopped.result(PATIENCE_S)

    def test_shutdown_is_run_when_a_deployment_is_stopped(self) -> None:
        said = Said("goodbye from the warehouse")
        with self.deployed(Warehouse, show=said):
            pass

        said.wait()

    def test_a_process_that_hangs_does_not_keep_stop_from_ending(self) -> None:
        with self.deployed(Shop) as app:
            os.kill(app.replicas(Warehouse)[0].pid, signal.SIGSTOP)

            app.stop(0.0)

    def test_every_process_ends_when_the_deployer_is_killed(self, tmp_path: Path) -> None:
        (tmp_path / "engine").write_bytes(pickle.dumps(self.deployer))
        (tmp_path / "deploys.py").write_text(DEPLOYS)
        before = started_processes()
        command = [sys.executable, str(tmp_path / "deploys.py")]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True
        ) as process:
            assert process.stdout is not None
            address, *pids = process.stdout.readline().split()
            running = {process.pid for process in started_processes()}

            process.kill()

        folder = Path(address.removeprefix("unix:")).parent
        assert len(pids) == 2 and running >= set(map(int, pids))
        assert wait_gone(before, PATIENCE_S) == set()
        assert not folder.exists()


DEPLOYS = """
import pathlib, pickle, sys
import weaverlab
from weaverlab.testing.sample import Shop
engine = pickle.loads(pathlib.Path(__file__).with_name("engine").read_bytes())
app = weaverlab.deploy(Shop, deployer=engine)
print(app.replicas()[0].address, *(replica.pid for replica in app.replicas()), flush=True)
sys.stdin.read()
"""


class Said:
    """Shows nothing, and waits for a line that a deployment says."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._happened = threading.Event()
        self.entry: dict[str, str | float | int] = {}

    def __call__(self, entry: dict[str, str | float | int]) -> None:
        if self._words in str(entry["message"]):
            self.entry = entry
            self._happened.set()

    def wait(self) -> None:
        """Wait for the line."""
        assert self._happened.wait(PATIENCE_S), f"nobody said {self._words!r}"


def _eventually(look: Callable[[], Seen | None]) -> Seen:
    """Return what `look` returns once that is something."""
    ends_s = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        assert time.monotonic() < ends_s, f"did not come about within {PATIENCE_S:g} s"
        time.sleep(0.01)
    return seen


def _writer(fifo: Path) -> int | None:
    """Return a file descriptor to write to somebody who reads `fifo`; None while nobody does."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def _calls(app: Deployment) -> int:
    return sum(stats.calls for stats in app.status().calls() if (stats.caller, stats.method) == ("client", "pid"))
