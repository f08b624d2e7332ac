"""Nobody speaks to a weavelet before they have proved that they belong to its deployment."""

from __future__ import annotations

import os
import pickle
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import weaverlab as weaver
from tests.apps.shop import Fragile
from weaverlab import Deployment
from weaverlab.errors import AuthenticationError
from weaverlab.runtime.logs import LogEntry
from weaverlab.transport import SyncPool

pytestmark = pytest.mark.usefixtures("no_process_left")

TIMEOUT_S = 10.0  # more than the handshake's own


class Refusals:
    """Collects what weavelets say about connections that they refused."""

    def __init__(self) -> None:
        self.happened = threading.Event()
        self.messages: list[str] = []

    def show(self, entry: LogEntry) -> None:
        if "refused a connection" in str(entry["message"]):
            self.messages.append(str(entry["message"]))
            self.happened.set()


@pytest.fixture(scope="module")
def refusals() -> Refusals:
    return Refusals()


@pytest.fixture(scope="module")
def app(refusals: Refusals) -> Iterator[Deployment]:
    with weaver.deploy(Fragile, show=refusals.show) as deployment:
        yield deployment


class LeavesAMark:
    """Unpickling this writes a file: proof that somebody unpickled it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


def path_of(app: Deployment) -> str:
    return app.replicas()[0].address.removeprefix("unix:")


def mark_payload(mark: Path) -> bytes:
    return pickle.dumps(LeavesAMark(mark))


@pytest.mark.parametrize(
    "prefix", [b"", b"\x00" * 64, b"\xff" * 200, (2**31).to_bytes(4, "big"), b"GET / HTTP/1.1\r\n"]
)
def test_a_stranger_is_dropped_and_logged_and_nothing_is_unpickled(
    app: Deployment, refusals: Refusals, tmp_path: Path, prefix: bytes
) -> None:
    mark = tmp_path / "mark"
    refusals.happened.clear()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(TIMEOUT_S)
        stranger.connect(path_of(app))
        stranger.sendall(prefix + mark_payload(mark) * 10)
        try:
            while stranger.recv(4096):
                pass  # whatever challenge comes is left unanswered
        except ConnectionResetError:
            pass  # dropped while bytes of ours were still unread: that is dropped, too

    assert refusals.happened.wait(TIMEOUT_S)
    assert not mark.exists()
    assert app.get(Fragile).pid() == app.replicas()[0].pid  # and the weavelet goes on


def test_a_peer_with_a_wrong_secret_is_told_so_and_no_secret_is_logged(app: Deployment, refusals: Refusals) -> None:
    refusals.happened.clear()
    pool = SyncPool(app.replicas()[0].address, b"guess" * 8)

    with pytest.raises(AuthenticationError):
        pool.call(0, (), timeout_s=TIMEOUT_S)

    pool.close()
    assert refusals.happened.wait(TIMEOUT_S)
    assert not any("guess" in message for message in refusals.messages)


def test_only_this_user_can_enter_the_folder_of_the_sockets(app: Deployment) -> None:
    assert stat.S_IMODE(Path(path_of(app)).parent.stat().st_mode) == 0o700


def test_the_secret_is_in_no_argument_environment_or_repr_of_a_weavelet(app: Deployment) -> None:
    pid = app.replicas()[0].pid
    placement = app._version.backend.door._placement  # type: ignore[attr-defined]
    secret = placement.secret

    assert len(secret) == 32
    for file in ("cmdline", "environ"):
        contents = Path(f"/proc/{pid}/{file}").read_bytes()
        assert secret not in contents and secret.hex().encode() not in contents
    assert repr(secret) not in repr(placement)
