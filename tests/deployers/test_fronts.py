"""One address for a listener of several replicas: who is behind it, and what its clients see when that changes."""

from __future__ import annotations

import http.client
import os
import socket
import urllib.request
from collections.abc import Iterator

import pytest

import weaverlab as weaver
from tests.apps.web import NextPage, Page
from tests.deployers.test_redeploy import callers
from weaverlab import Deployment
from weaverlab.config import parse
from weaverlab.errors import DeployError

pytestmark = pytest.mark.usefixtures("no_process_left")


@pytest.fixture
def app() -> Iterator[Deployment]:
    with weaver.deploy(Page, replicas={Page: 3}) as deployment:
        yield deployment


def get(app: Deployment) -> tuple[str, int]:
    """Return what the page says, and the process that said it."""
    with urllib.request.urlopen(f"http://{app.listener('web')}/", timeout=10) as answer:
        said, pid = answer.read().decode().split()
    return said, int(pid)


def test_all_replicas_answer_at_one_address(app: Deployment) -> None:
    pids = {get(app)[1] for _ in range(6)}

    assert pids == {replica.pid for replica in app.replicas(Page)}
    assert app.status().listeners[0].address == app.listener("web")


def test_a_replica_knows_its_own_address_and_that_of_its_clients(app: Deployment) -> None:
    own, proxy, text = app.get(Page).addresses()

    assert proxy == text == app.listener("web")
    assert own != proxy


def test_clients_find_another_replica_when_one_dies_or_hangs(app: Deployment) -> None:
    victim, hung, healthy = app.replicas(Page)
    app.pause(hung.id)
    with callers(lambda: get(app)[1]) as answers:
        app.kill(victim.id)
        _wait_restarted(app, victim.id)
        pids = {get(app)[1] for _ in range(20)}
    app.resume(hung.id)

    # What was on its way at the moment of the kill is lost, as it is with any server; each caller lost one at most.
    assert len([answer for answer in answers if isinstance(answer, Exception)]) <= 4
    assert hung.pid not in pids and victim.pid not in pids
    assert healthy.pid in pids


def test_connections_to_a_hung_replica_are_ended(app: Deployment) -> None:
    connections = []
    for _ in range(3):
        connection = http.client.HTTPConnection(app.listener("web"), timeout=10)
        connection.request("GET", "/")
        connections.append((int(connection.getresponse().read().split()[1]), connection))
    hung = app.replicas(Page)[0]
    app.pause(hung.id)

    theirs = next(connection for pid, connection in connections if pid == hung.pid)
    theirs.auto_open = 0
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        theirs.request("GET", "/")
        theirs.getresponse()
    app.resume(hung.id)
    for _, connection in connections:
        connection.close()


def test_the_address_stays_and_no_client_is_turned_away_while_a_version_is_replaced() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = parse(f'[listeners]\nweb = "127.0.0.1:{port}"')
    with weaver.deploy(Page, config=config, replicas={"Page": 2}) as app:
        with callers(lambda: get(app)[0]) as answers:
            app.redeploy(NextPage, replicas={})
        after = get(app)

        assert app.listener("web") == f"127.0.0.1:{port}"
    assert set(answers) == {"first", "second"}
    assert after[0] == "second"


def test_replicas_that_come_are_found_and_those_that_go_let_their_clients_end(app: Deployment) -> None:
    with callers(lambda: get(app)[1]) as answers:
        app.scale(Page, 1)
        app.scale(Page, 2)

    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert {get(app)[1] for _ in range(4)} == {replica.pid for replica in app.replicas(Page)}


def test_an_address_in_use_is_said_before_any_process_is_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(DeployError, match=rf"listener 'web'.*{address}"):
            weaver.deploy(Page, config=parse(f'[listeners]\nweb = "{address}"'))


def test_under_single_clients_reach_the_listener_itself() -> None:
    with weaver.deploy(Page, deployer="single") as app:
        own, proxy, _ = app.get(Page).addresses()

        assert own == proxy == app.listener("web")
        assert get(app) == ("first", os.getpid())


def _wait_restarted(app: Deployment, replica: str) -> None:
    """Wait until `replica` has been started again: it says so in the log."""
    after = 0
    while True:
        page = app.log_page(after, wait_s=20)
        if any(entry["replica"] == replica and "is ready again" in str(entry["message"]) for entry in page.entries):
            return
        assert page.next > after, f"{replica} was not started again"
        after = page.next
