"""What goes wrong with real servers is a clear error, or a wait that ends; no write is reported that was not made."""

from __future__ import annotations

import contextlib
import logging
import pickle
import socket
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.stores.conftest import SERVERS
from tests.stores.deployment import in_thread
from tests.stores.listening import Listening
from tests.stores.real import (
    Real,
    admin,
    cut_connections,
    give_rights,
    prepare_promotion,
    promote,
    toml_of,
    writes_that_hang,
)
from weaverlab.antipode import Dependency, Lineage, context, request, transfer
from weaverlab.config import parse
from weaverlab.errors import (
    CallLost,
    DeadlineExceeded,
    NotFoundError,
    ProtocolError,
    RemoteCallError,
    StoreError,
    Unreachable,
)
from weaverlab.stores import server
from weaverlab.stores.pool import Pools

NOBODY = "127.0.0.1:1"  # a port on which nobody listens


class Silent(Listening):
    """Takes connections, and says nothing on them."""

    def serve(self, connection: socket.socket) -> None:
        with connection:
            while connection.recv(1000):
                pass


class Remaining:
    """What is left of a deadline, as the runtime tells it."""

    def __init__(self, timeout_s: float) -> None:
        self.ends_s = time.monotonic() + timeout_s

    def __call__(self) -> float:
        return self.ends_s - time.monotonic()


@contextlib.contextmanager
def stopped(real: Real, who: str) -> Iterator[None]:
    """Stop the primary or the replica in this block."""
    stop, start = getattr(real.group, f"stop_{who}"), getattr(real.group, f"start_{who}")
    stop()
    try:
        yield
    finally:
        start()


def test_a_server_that_is_down_is_said_to_be_and_nothing_was_written(real: Real):
    config = real.config(servers={"eu": NOBODY, "us": real.group.replicas[0].address})

    with pytest.raises(Unreachable, match=rf"{real.kind} at 127.0.0.1:1: .*cannot connect") as raised:
        real.posts("us", config).write(real.table, "1", "hello")
    assert not raised.value.maybe_executed
    assert not context.current()
    health = real.posts("us", config).health()
    assert not health.is_healthy and "eu: " in health.detail and "us: " not in health.detail


def test_reading_goes_on_at_the_replica_while_the_primary_is_down(real: Real):
    real.posts("eu").write(real.table, "1", "hello")
    real.posts("us").barrier()
    config = real.config(servers={"eu": NOBODY, "us": real.group.replicas[0].address})

    assert real.posts("us", config).barrier(timeout_s=1).is_complete
    assert real.posts("us", config).read(real.table, "1").value == "hello"


def test_a_barrier_waits_for_a_replica_that_is_restarted(real: Real):
    eu, us = real.posts("eu"), real.posts("us")
    us.health()  # a connection that the restart will end
    with stopped(real, "replica"):
        eu.write(real.table, "1", "hello")
        lineage = context.current()
        waiting = in_thread(lambda: (transfer(lineage), us.barrier(timeout_s=30))[1])
        with pytest.raises(Unreachable):
            us.barrier(timeout_s=0.2)

    assert waiting.result(30).is_complete
    assert us.read(real.table, "1").value == "hello"


def test_a_barrier_ends_soon_after_its_time_when_the_replica_does_not_answer(real: Real, monkeypatch):
    monkeypatch.setattr(server, "LATE_S", 0.2)
    dependency = real.posts("eu").write(real.table, "1", "hello")
    with contextlib.closing(Silent()) as hung:
        us = real.posts("us", real.config(servers={"eu": real.group.primary.address, "us": hung.address}))
        began_s = time.monotonic()

        with request(), pytest.raises(RemoteCallError, match=r"A barrier waited 0\.\d+ s for"):
            transfer(Lineage([dependency]))
            us.barrier(timeout_s=0.3)

        assert time.monotonic() - began_s < 4.0  # a read or write may take ten


def test_a_primary_that_was_restarted_is_written_to_at_once(real: Real):
    eu = real.posts("eu")
    eu.write(real.table, "1", "before")

    with stopped(real, "primary"):
        pass
    eu.write(real.table, "1", "after")

    assert eu.read(real.table, "1").value == "after"


def test_a_replica_that_was_set_up_anew_is_waited_for_and_read(real: Real):
    eu, us = real.posts("eu"), real.posts("us")
    eu.write(real.table, "1", "hello")

    real.group.reseed_replica()
    us.barrier()

    assert us.read(real.table, "1").value == "hello"


def test_a_write_that_gets_no_answer_in_time_may_have_happened_and_says_so(real: Real):
    real.posts("eu").write(real.table, "1", "before")
    lineage = context.current()

    with writes_that_hang(real.group, real.table):
        began_s = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="may have executed") as raised:
            real.posts("eu", remaining_s=Remaining(0.3)).write(real.table, "1", "after")

    assert raised.value.maybe_executed and time.monotonic() - began_s < 2.0
    assert context.current() == lineage


def test_a_write_whose_connection_breaks_may_have_happened_and_says_so(real: Real):
    real.posts("eu").write(real.table, "1", "before")

    with writes_that_hang(real.group, real.table):
        writing = in_thread(real.posts("eu").write, real.table, "1", "after")
        while not writing.done():
            cut_connections(real.group)
            time.sleep(0.01)

    with pytest.raises(CallLost, match="may have executed") as raised:
        writing.result(5)
    assert raised.value.maybe_executed
    assert f"store 'posts' in region 'eu' ({real.group.primary.address}): write" in str(raised.value)


def test_a_read_that_gets_no_answer_in_time_certainly_changed_nothing(real: Real):
    late = real.posts("eu", remaining_s=lambda: -1.0)

    with pytest.raises(DeadlineExceeded, match="certainly not executed"):
        late.read(real.table, "1")


def test_the_rights_that_the_page_names_are_enough_and_without_them_it_is_said_which_are_missing(real: Real):
    weak, strong = f"weak_{real.table}", f"strong_{real.table}"
    give_rights(real.group, weak, strong)
    eu, us = (real.posts(region, real.config(user=strong, password="x")) for region in ("eu", "us"))

    eu.write(real.table, "1", "hello")
    real.posts("us").barrier()  # now the replica knows the new users, too
    us.barrier()
    assert us.read(real.table, "1").value == "hello"

    missing = {"redis": "needs INFO", "mariadb": "denied", "postgres": "GRANT pg_monitor"}[real.kind]
    with pytest.raises(StoreError, match=missing) as raised:
        real.posts("us", real.config(user=weak, password="x")).read(real.table, "1")
    assert "change was made" not in str(raised.value)


def test_with_tls_nothing_is_said_in_the_clear_and_what_it_lacks_is_named(real: Real):
    with pytest.raises(StoreError, match=r"there is no file of authorities '/no/such/ca\.pem'\. Check .*tls"):
        real.posts("eu", real.config(tls="/no/such/ca.pem")).read(real.table, "1")


def test_an_item_whose_lineage_is_from_a_newer_version_is_an_error_that_names_it(real: Real):
    store = real.posts("eu")._datastore
    store.write(real.table, "1", pickle.dumps("hello"), b"\xff newer", b"")

    with pytest.raises(ProtocolError, match=rf"{real.table}/1 of store posts: .*a lineage in format 255"):
        real.posts("eu").read(real.table, "1")


def test_a_write_sent_to_a_replica_is_refused_and_changes_nothing(real: Real):
    wrong = real.config(primary="us")

    with pytest.raises(StoreError, match="othing was changed"):
        real.posts("us", wrong).write(real.table, "1", "hello")
    assert "nothing can be written to it" in real.posts("us", wrong).health().detail


@pytest.mark.parametrize(
    ("wrong", "source"),
    [
        ({"password": {"env": "WRONG_PASSWORD"}}, "is from the environment variable WRONG_PASSWORD"),
        ({"password": ""}, "is empty"),
        ({"user": "nobody", "password": "hunter2"}, "stands there"),
    ],
)
def test_who_is_not_let_in_learns_which_settings_to_correct(
    real: Real, wrong: dict[str, object], source: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WRONG_PASSWORD", "hunter2")
    section = {**real.group.section(("eu", "us")), **wrong}
    other, posts = (real.datastores("eu", parse(toml_of(section, name))).agent(name) for name in ("other", "posts"))
    with pytest.raises(StoreError, match=r"^\[antipode.other\]: "):
        other.read(real.table, "1")

    with pytest.raises(StoreError) as raised:
        posts.read(real.table, "1")  # by what the two share

    said = str(raised.value)
    assert said.startswith(f"[antipode.posts]: {real.kind} at {real.group.primary.address}: user ")
    assert f". Check user, password and database in [antipode.posts]; the password {source}." in said
    assert ".." not in said and "hunter2" not in said


def test_wrong_credentials_are_refused_and_shown_nowhere(real: Real, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    config = real.config(password="hunter2")
    posts = real.posts("eu", config)

    with pytest.raises(StoreError, match=rf"{real.kind} at 127.0.0.1:\d+: user 'weaver', .* refused") as raised:
        posts.write(real.table, "1", "hello")

    shown = [
        *("".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format()),),
        repr(raised.value),
        pickle.dumps(raised.value).decode("latin-1"),
        repr(posts) + repr(posts._datastore) + repr(config),
        posts.health().detail,
        caplog.text,
    ]
    assert not any("hunter2" in one for one in shown)


def test_the_right_password_is_shown_nowhere_either(real: Real, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    config = parse(toml_of({**real.group.section(("eu", "us")), "password": real.group.password}))
    posts = real.posts("eu", config)
    posts.write(real.table, "1", "hello")

    with writes_that_hang(real.group, real.table), pytest.raises(RemoteCallError) as raised:
        real.posts("eu", config, remaining_s=Remaining(0.1)).write(real.table, "1", "x")

    shown = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    for one in (shown, repr(raised.value), repr(posts._datastore), repr(config), caplog.text):
        assert real.group.password not in one


@pytest.mark.parametrize("own_group", SERVERS, indirect=True)
def test_what_a_failover_lost_is_an_error_and_what_it_kept_is_not(own_real: Real):
    eu, us, table = own_real.posts("eu"), own_real.posts("us"), own_real.table
    with request():
        prepare_promotion(own_real.group)
        kept = eu.write(table, "1", "kept")
        us.barrier()
    own_real.group.pause()
    with request():
        lost = eu.write(table, "2", "lost")
    promote(own_real.group)
    replica = own_real.group.replicas[0].address
    after = own_real.posts("us", own_real.config(regions=["us"], servers={"us": replica}))
    with request():
        for n in range(5):  # positions of the new history are beyond those of the old
            after.write(table, "3", f"after {n}" * 100)

    with request():
        transfer(Lineage([kept]))
        assert after.barrier(timeout_s=2).is_complete
        assert after.read(table, "1").value == "kept"
    with request():
        transfer(Lineage([lost]))
        with pytest.raises(StoreError, match=r"is not in the history of its primary .* may be lost"):
            after.barrier(timeout_s=2)
        with pytest.raises(NotFoundError):
            after.read(table, "2")


@pytest.mark.parametrize("own_group", ["mariadb"], indirect=True)
def test_a_reset_of_mariadb_shows_by_its_numbers_only_unless_the_server_gets_a_new_one(own_real: Real):
    eu, table = own_real.posts("eu"), own_real.table
    with request():
        before = Lineage([eu.write(table, "1", f"hello {n}") for n in range(3)])

    def barrier_after(*commands: str, writes: int) -> bool:
        admin(own_real.group, own_real.group.primary, *commands)
        pools = Pools()  # a session keeps the number that its server had when it began
        agent = replace(own_real, pools=pools).posts("eu")
        with request():
            for n in range(writes):
                agent.write(table, "2", f"{n} of {writes}")  # what changes nothing gets no number
        try:
            with request():
                transfer(before)
                return agent.barrier(timeout_s=2).is_complete
        finally:
            pools.close()

    with pytest.raises(StoreError, match="is not in the history of its primary"):
        barrier_after("RESET MASTER", writes=1)
    assert barrier_after("RESET MASTER", writes=30)  # which docs/stores.md warns of
    with pytest.raises(StoreError, match="is not in the history of its primary"):
        barrier_after("SET GLOBAL server_id = 77", "RESET MASTER", writes=40)


@pytest.mark.parametrize("own_group", ["mariadb"], indirect=True)
def test_a_mariadb_that_has_logged_nothing_yet_is_read_and_there_is_nothing_to_wait_for(own_real: Real):
    eu, table = own_real.posts("eu"), own_real.table
    with request():
        eu.write(table, "1", "hello")
    admin(own_real.group, own_real.group.primary, "RESET MASTER")  # as one whose log has just been switched on

    assert eu.read(table, "1").value == "hello"
    eu.write(table, "1", "hello")  # with another lineage
    with request():
        eu.delete(table, "none")  # which changes nothing

    assert eu.barrier(timeout_s=2).is_complete


def test_a_write_of_servers_that_were_set_up_anew_is_an_error(real: Real):
    scope = real.posts("eu").write(real.table, "1", "hello").scope
    foreign = "".join("1" if digit == "0" else "0" if digit.isalnum() else digit for digit in scope)
    transfer(Lineage([Dependency("posts", foreign, 5)]))

    with pytest.raises(StoreError, match=rf"posts@{foreign}:5 is not in the history"):
        real.posts("us").barrier(timeout_s=5)


def test_a_position_that_the_primary_has_not_reached_is_an_error_and_no_wait(real: Real):
    written = real.posts("eu").write(real.table, "1", "hello")
    transfer(Lineage([written._replace(version=written.version + 10**9)]))

    with pytest.raises(StoreError, match="is not in the history"):
        real.posts("eu").barrier(timeout_s=30)


def test_a_closed_deployment_closes_its_connections(real: Real):
    pools = Pools()
    own = Real(real.group, real.table, pools)
    own.posts("eu").write(real.table, "1", "hello")

    pools.close()

    with pytest.raises(Exception, match="have been closed"):
        own.posts("eu").read(real.table, "1")
