"""Weavelets that hang, and weavelets that die: what is noticed, what is said about it, and what is left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import weaverlab as weaver
from tests.apps.lessons import Clerk, Desk, Office, Parent, TakesItsTime
from tests.apps.shop import Fragile
from tests.deployers.test_lessons import TIMEOUT_S, Said, answers
from weaverlab.deployers import asking, deaths, health, supervisor
from weaverlab.deployers.deaths import death, details
from weaverlab.deployers.routes import first_table, next_table
from weaverlab.errors import CallLost, DeadlineExceeded
from weaverlab.history import Started
from weaverlab.routing import Member
from weaverlab.testing.processes import started_processes, wait_gone

pytestmark = pytest.mark.usefixtures("no_process_left")


@pytest.fixture
def said() -> Said:
    return Said()


def freeze(pid: int) -> None:
    """Stop a process, and return when it does not do anything any more."""
    os.kill(pid, signal.SIGSTOP)
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        os.sched_yield()


# Weavelets that hang


def test_calls_go_round_a_replica_that_hangs_until_it_answers_again(said: Said) -> None:
    with weaver.deploy(Office, Clerk, replicas={Clerk: 2}, show=said.show) as app:
        victim = app.replicas(Desk)[1]
        freeze(victim.pid)

        assert said.wait("Clerk/1: has not answered its deployer for 2 s")
        assert [replica.state for replica in app.replicas(Desk)] == ["ready", "unresponsive"]
        assert "unresponsive" in str(app.status())
        with weaver.timeout(5.0):
            assert answers(app.get(Desk).who) == answers(app.get(Office).who) == {"Clerk/0"}

        os.kill(victim.pid, signal.SIGCONT)
        assert said.wait("Clerk/1: answers again")
        assert [replica.state for replica in app.replicas(Desk)] == ["ready", "ready"]
        assert app.replicas(Desk)[1].pid == victim.pid


def test_a_call_that_is_stuck_in_a_replica_that_hangs_is_made_at_another(said: Said) -> None:
    with weaver.deploy(Clerk, replicas={Clerk: 2}, show=said.show) as app:
        freeze(app.replicas(Desk)[1].pid)

        with weaver.timeout(10.0):
            assert answers(app.get(Desk).who, 2) == {"Clerk/0"}

        os.kill(app.replicas(Desk)[1].pid, signal.SIGCONT)


def test_a_call_of_a_replica_that_hangs_alone_ends_at_its_deadline() -> None:
    with weaver.deploy(Clerk) as app:
        app.get(Desk).who()
        freeze(app.replicas(Desk)[0].pid)

        with pytest.raises(DeadlineExceeded), weaver.timeout(0.5):
            app.get(Desk).who()

        os.kill(app.replicas(Desk)[0].pid, signal.SIGCONT)
        assert app.get(Desk).who() == "Clerk/0"


def test_what_a_replica_told_before_it_hung_is_still_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "CONTROL_TIMEOUT_S", 0.2)
    with weaver.deploy(Office, Clerk) as app:
        with weaver.request():
            app.get(Office).who()
        events, calls = app.events(), app.status().calls()
        assert any(event.replica == "Clerk/0" for event in events if isinstance(event, Started)) and len(calls) == 2

        for replica in app.replicas():
            freeze(replica.pid)

        assert (app.events(), app.status().calls()) == (events, calls)


def test_a_replica_that_hangs_for_long_is_killed_and_started_again(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GIVE_UP_TICKS", health.HUNG_TICKS + 1)
    with weaver.deploy(Clerk, show=said.show) as app:
        freeze(app.replicas(Desk)[0].pid)

        assert said.wait("ready again")
        (replica,) = app.replicas(Desk)
        assert replica.last_death.startswith("was killed: it had not answered its deployer for 30 s")
        assert app.get(Desk).who() == "Clerk/0"


def test_a_deployer_that_was_stopped_itself_takes_nobody_for_dead(tmp_path: Path) -> None:
    script = tmp_path / "deploys.py"
    script.write_text(
        "import sys, weaverlab as weaver\n"
        "from tests.apps.lessons import Clerk\n"
        "with weaver.deploy(Clerk, replicas={Clerk: 2}) as app:\n"
        "    print('deployed', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    print(*(replica.state for replica in app.replicas()), 'not answered' in str(app.logs()), flush=True)\n"
    )
    with _python(script) as deployer:
        assert deployer.stdin is not None and deployer.stdout is not None
        assert deployer.stdout.readline() == b"deployed\n"

        deployer.send_signal(signal.SIGSTOP)
        time.sleep(health.HUNG_S + 1.0)  # the length of time is what this is about
        deployer.send_signal(signal.SIGCONT)
        deployer.stdin.write(b"\n")
        deployer.stdin.close()

        assert deployer.stdout.readline() == b"ready ready False\n"


def test_stop_ends_soon_although_a_replica_hangs(said: Said) -> None:
    app = weaver.deploy(Office, Clerk, replicas={Clerk: 3}, show=said.show)
    for replica in app.replicas(Desk):
        freeze(replica.pid)
    assert said.wait("has not answered", times=3)

    started_s = time.monotonic()
    app.stop()

    assert time.monotonic() - started_s < 1.5
    assert said.wait("could not be asked to stop, and is killed", times=3)


def test_nobody_is_taken_for_hung_while_others_shut_down_slowly() -> None:
    with weaver.deploy(TakesItsTime) as app:
        app.stop()

    messages = [str(entry["message"]) for entry in app.logs()]
    assert messages == ["goodbye"]


# Reasons


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exited with code 0, as if all were well"),
        (3, "exited with code 3"),
        (137, "exited with code 137, which is how a shell reports SIGKILL (killed)"),
        (-9, "was killed by SIGKILL (killed)"),
        (-11, "was killed by SIGSEGV (segmentation fault)"),
        (-40, "was killed by signal 40"),
        (None, "is lost: it does not even end when it is killed"),
    ],
)
def test_the_end_of_a_process_is_told_in_words(code: int | None, words: str) -> None:
    assert death(code) == words


def test_want_of_memory_is_a_probable_reason_only_of_a_kill(tmp_path: Path) -> None:
    assert "probably" in death(-9, ran_out_of_memory=True)
    assert "memory" not in death(-11, ran_out_of_memory=True) + death(1, ran_out_of_memory=True)


def test_kills_for_want_of_memory_are_counted_where_the_kernel_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    kills = iter([4, 4, 5, 5])
    monkeypatch.setattr(deaths, "_oom_kills", lambda: next(kills))
    watch = deaths.OutOfMemory()

    assert [watch.happened() for _ in range(3)] == [False, True, False]


def test_what_a_process_said_last_is_told_or_that_it_said_nothing() -> None:
    assert details("Traceback ...\n", ["a line"]) == "Traceback ..."
    assert details("", ["one", "two"]) == "Its last lines:\none\ntwo"
    assert details("", []) == "It printed nothing."


def test_the_status_says_why_a_replica_was_started_again_and_what_it_said_last(said: Said) -> None:
    with weaver.deploy(Fragile, show=said.show) as app:
        with pytest.raises(CallLost):
            app.get(Fragile).say_and_exit()
        assert said.wait("ready again")

        (replica,) = app.replicas()
        assert replica.last_death.startswith("exited with code 3\nIts last lines:\n")
        assert "INFO Fragile: logged" in replica.last_death and "printed" in replica.last_death
        assert "exited with code 3" in str(app.status())
        assert app.status().to_dict()["replicas"][0]["last_death"] == replica.last_death


# What is left behind


def test_processes_of_a_component_end_with_their_weavelet() -> None:
    with weaver.deploy(Parent) as app:
        child = os.pidfd_open(app.get(Parent).start_child())

        app.kill("Parent/0")

        assert select.select([child], [], [], TIMEOUT_S)[0]  # it has ended
        os.close(child)


def test_the_death_of_a_weavelet_is_noticed_although_a_process_that_it_forked_holds_its_pipes(said: Said) -> None:
    with weaver.deploy(Parent, show=said.show) as app:
        app.get(Parent).fork_child()
        os.kill(app.replicas()[0].pid, signal.SIGKILL)

        assert said.wait("ready again")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A directory for temporary files with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="wl-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("moment", ["runs", "starts"])
def test_a_deployer_that_is_killed_leaves_neither_process_nor_file(
    tmp_path: Path, temporary: Path, moment: str
) -> None:
    before = started_processes()
    script = tmp_path / "deploys.py"
    script.write_text(
        "import sys, weaverlab as weaver\n"
        "from tests.apps.broken import HangsInInit, Healthy\n"
        "def show(entry): print('starts', flush=True)\n"
        f"components = [Healthy, HangsInInit] if {moment == 'starts'} else [Healthy]\n"
        "app = weaver.deploy(*components, show=show)\n"
        "print('runs', flush=True)\n"
        "sys.stdin.read()\n"
    )
    environ = {"TMPDIR": str(temporary), "XDG_RUNTIME_DIR": str(temporary), "WEAVERLAB_STATE": str(temporary / "state")}
    with _python(script, environ) as deployer:
        assert deployer.stdout is not None
        assert deployer.stdout.readline().decode().strip() == moment
        assert list(temporary.glob("weaverlab-*"))

        deployer.kill()

    assert wait_gone(before, timeout_s=10.0) == set()
    assert [path for path in temporary.rglob("*") if not path.is_dir() or "state" not in path.parts] == []


# Routing tables


def test_a_table_is_replaced_only_when_something_has_changed_and_keys_move_only_with_replicas() -> None:
    members = {"A": (Member("A/0", "x"), Member("A/1", "y")), "B": (Member("B/0", "z"),)}
    first = first_table(members, ["A"])
    sick = {**members, "A": (Member("A/0", "x"), Member("A/1", "y", is_healthy=False))}

    assert next_table(first, members) is first
    second = next_table(first, sick)
    assert second.version == 1 and second.assignments == first.assignments
    third = next_table(second, {**members, "A": (Member("A/0", "x"),)})
    assert third.version == 2 and set(third.assignments["A"].owners) == {"A/0"}


def _python(script: Path, environ: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    surroundings = {**os.environ, "PYTHONPATH": os.getcwd(), **(environ or {})}
    return subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=surroundings,
    )
