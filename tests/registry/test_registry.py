"""Files that say which deployments run: who holds one lives, and whoever looks removes what the dead have left."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from weaverlab import registry
from weaverlab.registry import Record, hold, sockets

pytestmark = pytest.mark.usefixtures("no_process_left")


def record(deployment_id: str = "0a1b2c3d", **facts: object) -> Record:
    known = {"app": "shop.App", "deployer": "multi", "weaverlab_version": "0.1.0", "pid": 1}
    return Record(**{"id": deployment_id, **known, "started_s": 5.0, "secret": "beef", **facts})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A registry of this test's own, and places for sockets of its own, with paths that are short enough for them."""
    with tempfile.TemporaryDirectory(prefix="wl-", dir="/tmp") as folder:
        path = Path(folder)
        for variable in (registry.STATE_VARIABLE, "XDG_RUNTIME_DIR"):
            (path / variable).mkdir()
            monkeypatch.setenv(variable, str(path / variable))
        monkeypatch.setattr(sockets, "socket_folder_parents", lambda: (str(path / "XDG_RUNTIME_DIR"),))
        yield path


def left() -> list[Path]:
    """Return whatever is in the registry and in the place for sockets."""
    places = [registry.folder(), Path(sockets.socket_folder_parents()[0])]
    return [path for place in places if place.exists() for path in place.iterdir()]


OWNER = """
import os, socket, sys
from pathlib import Path
from weaverlab import registry
from weaverlab.registry import Record
hold = registry.make_socket_folder(os.environ["XDG_RUNTIME_DIR"])
server = socket.socket(socket.AF_UNIX)
server.bind(str(hold.path / "0.sock"))
server.listen()
kept = registry.register(Record(sys.argv[1], "shop.App", "multi", "0.1.0", os.getpid(), 5.0))
if "fork" not in sys.argv or os.fork() == 0:
    print("registered", flush=True)
sys.stdin.buffer.raw.read()
os._exit(0)
"""


@contextmanager
def owner(deployment_id: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is registered until it is killed."""
    command = [sys.executable, "-c", OWNER, deployment_id, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"registered\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_registered_deployment_is_found_as_it_was_registered_until_it_is_released() -> None:
    kept = registry.register(record())

    found = registry.running()
    kept.release()
    kept.release()

    assert found == [record()]
    assert registry.running() == [] and left() == []


def test_deployments_come_oldest_first_and_those_of_one_deployer_can_be_asked_for() -> None:
    facts = [("b", 2.0, "multi"), ("a", 3.0, "single"), ("c", 1.0, "multi")]
    kept = [registry.register(record(name, started_s=at, deployer=deployer)) for name, at, deployer in facts]

    assert [found.id for found in registry.running()] == ["c", "b", "a"]
    assert [found.id for found in registry.running("multi")] == ["c", "b"]
    for one in kept:
        one.release()


def test_only_this_user_can_read_it_and_the_secret_is_in_no_repr(state: Path) -> None:
    kept = registry.register(record())

    assert stat.S_IMODE(registry.folder().stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert "beef" not in repr(record())
    kept.release()


def test_what_a_killed_deployer_leaves_is_removed_by_whoever_looks_next() -> None:
    with owner("0a1b2c3d") as process, owner("11111111"):
        process.send_signal(signal.SIGKILL)
        process.wait()

        assert len(left()) == 4
        assert [found.id for found in registry.running()] == ["11111111"]
        assert len(left()) == 2  # of the one that lives: its file and its sockets


def test_cleaning_says_what_it_removed() -> None:
    with owner("0a1b2c3d") as process:
        process.kill()
        process.wait()

    removed = registry.clean()

    assert len(removed) == 2 and removed[0].endswith("0a1b2c3d.json") and "weaverlab-" in removed[1]
    assert registry.clean() == []


def test_a_child_that_the_deployer_forked_does_not_keep_it_registered() -> None:
    with owner("0a1b2c3d", "fork") as process:
        process.kill()

        assert process.wait() == -signal.SIGKILL
        assert registry.running() == []  # although the child lives: it waits for the end of its standard input
        assert process.stdin is not None
        process.stdin.close()


def test_a_folder_with_something_else_in_it_is_left_alone(state: Path) -> None:
    folder = state / "XDG_RUNTIME_DIR" / "weaverlab-abcdefgh"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")

    assert registry.clean() == []
    assert (folder / "thesis.txt").exists()


def test_a_folder_in_which_somebody_still_listens_is_left_alone(state: Path) -> None:
    folder = state / "XDG_RUNTIME_DIR" / "weaverlab-abcdefgh"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "0.sock"))
        server.listen()

        assert registry.clean() == []

    assert registry.clean() == [str(folder)]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": "x"}', "\0" * 100])
def test_a_file_that_nobody_can_read_hides_no_other(content: str) -> None:
    kept = registry.register(record())
    broken = registry.register(record("broken00"))
    broken.path.write_text(content)

    assert registry.running() == [record()]
    kept.release()
    broken.release()


def test_a_file_of_a_newer_version_may_say_more() -> None:
    kept = registry.register(record())
    kept.path.write_text(json.dumps({**json.loads(kept.path.read_text()), "colour": "red"}))

    assert registry.running() == [record()]
    kept.release()


def test_a_draft_that_was_never_finished_is_removed() -> None:
    registry.register(record()).release()
    (registry.folder() / ".0a1b2c3d-77-0").write_text("{")

    assert len(registry.clean()) == 1
    assert left() == []


def test_a_starter_that_meets_a_reader_at_the_worst_moment_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    real, times = hold.try_lock, []

    def lock_after_a_reader_came(fd: int, kind: int) -> bool:
        times.append(fd)
        if len(times) == 1:
            assert len(registry.clean()) == 1
        return real(fd, kind)

    monkeypatch.setattr("weaverlab.registry.files.try_lock", lock_after_a_reader_came)
    kept = registry.register(record())

    assert registry.running() == [record()]
    kept.release()


def test_readers_and_starters_at_once_neither_lose_nor_keep_anything() -> None:
    done, faults = threading.Event(), list[str]()

    def read() -> None:
        while not done.is_set():
            registry.running()

    def start(number: int) -> None:
        for turn in range(40):
            kept = registry.register(record(f"{number}-{turn}"))
            folder = registry.make_socket_folder(sockets.socket_folder_parents()[0])
            if f"{number}-{turn}" not in {found.id for found in registry.running()} or not folder.path.exists():
                faults.append(f"{number}-{turn}")
            folder.release()
            kept.release()

    readers = [threading.Thread(target=read) for _ in range(2)]
    starters = [threading.Thread(target=start, args=(number,)) for number in range(3)]
    for thread in [*readers, *starters]:
        thread.start()
    for thread in starters:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()

    assert faults == [] and left() == []


@pytest.mark.parametrize("place", ["/proc/nothing", "/dev/null/x"])
def test_a_place_where_nothing_can_be_written_is_an_os_error_and_reads_as_empty(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(registry.STATE_VARIABLE, place)

    with pytest.raises(OSError):
        registry.register(record())
    assert registry.running() == []


def test_where_there_are_no_locks_sockets_can_be_had_and_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(fd: int, kind: int) -> None:
        raise OSError(errno.ENOTSUP, "no locks here")

    monkeypatch.setattr("fcntl.flock", unsupported)
    folder = registry.make_socket_folder(sockets.socket_folder_parents()[0])

    assert registry.running() == [] and folder.path.exists()
    with pytest.raises(OSError, match="no locks here"):
        registry.register(record())
    folder.release()
    assert left() == []


FULL = """
import resource, signal, sys
from weaverlab import registry
from weaverlab.registry import Record
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    registry.register(Record("full0000", "", "", "", 1, 0.0))
except OSError as error:
    print(list(registry.folder().iterdir()))
"""


def test_a_disk_that_is_full_leaves_no_half_a_file() -> None:
    done = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, timeout=30)

    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"WEAVERLAB_STATE": "/a"}, "/a/deployments"),
        ({"XDG_STATE_HOME": "/b"}, "/b/weaverlab/deployments"),
        ({"XDG_STATE_HOME": "b", "HOME": "/ann"}, "/ann/.local/state/weaverlab/deployments"),
    ],
)
def test_the_place_follows_the_environment(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WEAVERLAB_STATE", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert str(registry.folder().parent) == expected
    assert registry.folder().name == os.uname().nodename
