"""What a lesson about failure does to a running application: scale it, kill a part of it, pause a part of it."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import weaverlab as weaver
from tests.apps.lessons import Choosy, Clerk, Desk, HangsInSecond, Loop, Office, Once
from tests.apps.shop import Shop, config
from tests.transport.holders import wait_until
from weaverlab import Deployment
from weaverlab.config import parse
from weaverlab.errors import DeployError, RemoteCallError, StoppedError, WeaverError
from weaverlab.runtime.logs import LogEntry

pytestmark = pytest.mark.usefixtures("no_process_left")

TIMEOUT_S = 15.0


class Said:
    """Waits for lines that a deployment says."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lines: list[str] = []

    def show(self, entry: LogEntry) -> None:
        with self._changed:
            self._lines.append(f"{entry['replica']}: {entry['message']}")
            self._changed.notify_all()

    def wait(self, words: str, times: int = 1) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: sum(words in line for line in self._lines) >= times, TIMEOUT_S)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "gate"
    os.mkfifo(path)
    yield str(path)


def answers(ask: Callable[[], str], times: int = 30) -> set[str]:
    return {ask() for _ in range(times)}


def owners(app: Deployment, keys: int = 300) -> dict[str, str]:
    desk = app.get(Desk)
    return {str(key): desk.who_keeps(str(key)) for key in range(keys)}


# The number of replicas


def test_scaling_up_adds_replicas_that_get_calls_and_keys_at_once() -> None:
    with weaver.deploy(Office, Clerk) as app:
        office = app.get(Office)
        assert answers(office.who) == {"Clerk/0"}
        before = owners(app)

        app.scale(Desk, 3)

        assert [replica.id for replica in app.replicas(Desk)] == ["Clerk/0", "Clerk/1", "Clerk/2"]
        assert answers(app.get(Desk).who) == {"Clerk/0", "Clerk/1", "Clerk/2"}
        after = owners(app)
        moved = sum(before[key] != after[key] for key in after)
        assert 0.5 < moved / len(after) < 0.8  # two of three shares
        assert min(Counter(after.values()).values()) > 50


def test_scaling_down_takes_the_highest_numbers_and_moves_only_their_keys() -> None:
    with weaver.deploy(Clerk, replicas={Clerk: 3}) as app:
        before = owners(app)

        app.scale(Desk, 2)

        assert [replica.id for replica in app.replicas(Desk)] == ["Clerk/0", "Clerk/1"]
        after = owners(app)
        assert all(after[key] == before[key] for key in after if before[key] != "Clerk/2")


def test_a_replica_that_leaves_ends_the_calls_that_it_has(gate: str, said: Said) -> None:
    with weaver.deploy(Clerk, replicas={Clerk: 2}, show=said.show) as app, ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(app.get(Desk).wait, gate) for _ in range(2)]  # one at each
        assert said.wait("Clerk/0: waits") and said.wait("Clerk/1: waits")
        scaling = threads.submit(app.scale, Desk, 1)
        while answers(app.get(Desk).who) != {"Clerk/0"}:
            assert not scaling.done()

        with open(gate, "w"):
            pass  # lets both go on

        assert {call.result(TIMEOUT_S) for call in calls} == {"Clerk/0", "Clerk/1"}
        scaling.result(TIMEOUT_S)
        assert len(app.replicas(Desk)) == 1


def test_calls_that_must_not_be_repeated_do_not_fail_while_replicas_come_and_go() -> None:
    with weaver.deploy(Clerk) as app, ThreadPoolExecutor(4) as threads:
        is_over = threading.Event()

        def call() -> int:
            calls = 0
            while not is_over.is_set():
                app.get(Desk).count()
                calls += 1
            return calls

        callers = [threads.submit(call) for _ in range(3)]
        for count in (3, 1, 2, 1):
            app.scale(Desk, count)
        is_over.set()

        assert all(caller.result(TIMEOUT_S) > 0 for caller in callers)


def test_a_new_replica_that_fails_leaves_everything_as_it_was() -> None:
    with weaver.deploy(Choosy) as app:
        with pytest.raises(DeployError, match="no room for a second one") as failed:
            app.scale(Choosy, 3)

        assert "Choosy/" in str(failed.value) and "before it was ready" in str(failed.value)
        assert [replica.id for replica in app.replicas()] == ["Choosy/0"]
        assert app.get(Choosy).ping() == "pong"


def test_stop_does_not_wait_for_a_new_replica_whose_init_hangs(said: Said) -> None:
    app = weaver.deploy(HangsInSecond, show=said.show)
    with ThreadPoolExecutor(1) as threads:
        scaling = threads.submit(app.scale, HangsInSecond, 2)
        assert said.wait("HangsInSecond/1: hangs")

        app.stop()

        with pytest.raises(StoppedError):
            scaling.result(TIMEOUT_S)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_a_number_of_replicas_that_is_none_is_refused(count: object) -> None:
    with weaver.deploy(Choosy) as app, pytest.raises(WeaverError, match="expected a whole number from 1"):
        app.scale(Choosy, count)  # type: ignore[arg-type]


def test_main_and_the_embedded_stores_stay_alone_and_the_error_says_why() -> None:
    with weaver.deploy(Shop, config=config()) as app:
        with pytest.raises(WeaverError, match="Shop is the Main of the application"):
            app.scale(Shop, 2)
        with pytest.raises(WeaverError, match="embedded stores keep their data in memory"):
            app.scale("EmbeddedStores", 2)


def test_scaling_from_several_threads_ends_with_one_of_the_numbers() -> None:
    with weaver.deploy(Clerk) as app, ThreadPoolExecutor(3) as threads:
        for scaling in [threads.submit(app.scale, Desk, count) for count in (3, 2, 3)]:
            scaling.result(TIMEOUT_S)

        assert [replica.state for replica in app.replicas(Desk)] in (["ready"] * 2, ["ready"] * 3)


@pytest.mark.parametrize("deployer", ["single", "rpc"])
def test_where_replicas_are_no_processes_a_lesson_says_what_it_needs(deployer: str) -> None:
    with weaver.deploy(Clerk, deployer=deployer) as app:  # type: ignore[arg-type]
        lessons: list[Callable[[], None]] = [
            lambda: app.scale(Desk, 2),
            lambda: app.kill("Clerk/0"),
            lambda: app.pause("Clerk/0"),
            lambda: app.resume("Clerk/0"),
        ]
        for lesson in lessons:
            with pytest.raises(WeaverError, match='Deploy with deployer="multi"'):
                lesson()


# Killing


def test_a_killed_replica_is_started_again_however_often_and_says_how_it_ended(said: Said) -> None:
    with weaver.deploy(Clerk, config=parse("[multi]\nrestarts_max = 1\n"), show=said.show) as app:
        for times in (1, 2, 3):
            app.kill("Clerk/0")
            assert said.wait(f"ready again after {times} restart")

        (replica,) = app.replicas(Desk)
        assert (replica.state, replica.restarts) == ("ready", 3)
        assert replica.last_death == "was killed by app.kill()\nIt printed nothing."
        assert "was killed by app.kill()" in str(app.status())


def test_a_replica_that_is_not_there_is_named_with_the_nearest_right_one() -> None:
    with weaver.deploy(Clerk) as app:
        for lesson in (app.kill, app.pause, app.resume):
            with pytest.raises(WeaverError, match=r"no replica 'Clark/0'.*Did you mean 'Clerk/0'.*It has: Clerk/0"):
                lesson("Clark/0")


def test_keys_of_a_dead_replica_find_another_and_come_back_to_it(said: Said) -> None:
    with weaver.deploy(Clerk, replicas={Clerk: 2}, show=said.show) as app:
        before = owners(app)
        app.kill("Clerk/1")

        assert said.wait("ready again")
        assert owners(app) == before


# Pausing


def test_calls_go_round_a_paused_replica_and_come_back_when_it_goes_on() -> None:
    with weaver.deploy(Office, Clerk, replicas={Clerk: 2}) as app:
        app.pause("Clerk/1")

        assert [replica.state for replica in app.replicas(Desk)] == ["ready", "paused"]
        assert not app.replicas(Desk)[1].healthy
        with weaver.timeout(5.0):
            assert answers(app.get(Desk).who) == answers(app.get(Office).who) == {"Clerk/0"}
        app.resume("Clerk/1")
        assert answers(app.get(Desk).who) == {"Clerk/0", "Clerk/1"}
        assert [replica.state for replica in app.replicas(Desk)] == ["ready", "ready"]


def test_a_paused_replica_can_be_killed() -> None:
    said = Said()
    with weaver.deploy(Clerk, show=said.show) as app:
        app.pause("Clerk/0")
        app.kill("Clerk/0")

        assert said.wait("ready again")
        assert app.get(Desk).who() == "Clerk/0"


def test_paused_replicas_do_not_keep_scale_and_stop_from_ending_in_order() -> None:
    with weaver.deploy(Clerk, replicas={Clerk: 3}) as app:
        app.pause("Clerk/1")
        app.pause("Clerk/2")
        app.scale(Desk, 2)

        assert [replica.id for replica in app.replicas(Desk)] == ["Clerk/0", "Clerk/1"]

    assert not [entry for entry in app.logs() if "killed" in str(entry["message"])]


# Balance


def test_the_least_loaded_replica_gets_calls_of_all_callers(gate: str, said: Said) -> None:
    settings = parse('[multi]\nbalance = "least_loaded"\n')
    with (
        weaver.deploy(Office, Clerk, replicas={Clerk: 2}, config=settings, show=said.show) as app,
        ThreadPoolExecutor(1) as threads,
        weaver.timeout(TIMEOUT_S),
    ):
        call = threads.submit(app.get(Desk).wait, gate)
        assert said.wait("waits")

        idle = {"Clerk/0", "Clerk/1"}
        while len(idle) > 1:  # until the other caller knows of the load that is not its own
            idle = answers(app.get(Office).who, 10)

        with open(gate, "w"):
            pass
        assert idle == {"Clerk/0", "Clerk/1"} - {call.result(TIMEOUT_S)}


# Main


@pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])
def test_deploy_runs_no_body_and_run_main_runs_it_once(deployer: str, capfd: pytest.CaptureFixture[str]) -> None:
    with weaver.deploy(Once, deployer=deployer) as app:  # type: ignore[arg-type]
        assert "main has run" not in "".join(capfd.readouterr())

        app.start_main()
        app.run_main()
        app.run_main()

    assert "".join(capfd.readouterr()).count("main has run") == 1


def wait_stopped(pid: int) -> None:
    """Wait until none of its threads runs: the others go on until the one that takes the signal gets a CPU."""
    stats = [task / "stat" for task in Path(f"/proc/{pid}/task").iterdir()]
    wait_until(lambda: all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stats))


def test_a_main_that_could_not_be_begun_can_be_begun_later(said: Said) -> None:
    with weaver.deploy(Once, show=said.show) as app:
        app.pause("Once/0")
        wait_stopped(app.replicas(Once)[0].pid)
        with pytest.raises(RemoteCallError):
            app.start_main()
        app.resume("Once/0")

        app.run_main()


def test_a_main_that_runs_is_begun_again_when_its_weavelet_dies(said: Said) -> None:
    with weaver.deploy(Loop, show=said.show) as app:
        app.start_main()
        assert said.wait("main runs in")
        os.kill(app.replicas(Loop)[0].pid, signal.SIGKILL)

        assert said.wait("main runs in", times=2)


def test_a_main_that_has_ended_or_was_not_begun_does_not_run_when_its_weavelet_is_started_again(said: Said) -> None:
    with weaver.deploy(Once, show=said.show) as app:
        app.kill("Once/0")
        assert said.wait("ready again after 1")
        app.run_main()
        app.kill("Once/0")
        assert said.wait("ready again after 2")

        app.kill("Once/0")
        assert said.wait("ready again after 3")  # by then, what the one before printed has come

    assert sum("main has run" in str(entry["message"]) for entry in app.logs()) == 1
