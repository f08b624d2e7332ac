"""What MongoDB is asked, and what is made of its answers: the real client, over real sockets, at a scripted server.

What a real replica set does with these commands is in `test_replica_set`, which needs one.
"""

from __future__ import annotations

import logging
import pickle
import socket
import threading
import time
import traceback

import bson
import pytest

from tests.stores.mongodb.scripted import NOW, ScriptedServer
from tests.stores.real import toml_of
from weaverlab.antipode import Dependency, Lineage, context, request, transfer
from weaverlab.config import parse
from weaverlab.errors import BarrierTimeout, CallLost, DeadlineExceeded, NotFoundError, StoreError, Unreachable
from weaverlab.stores import Host, Pools, open_datastores, server

SECRET = "hush-nobody-may-see-this"
VERSION = NOW.time << 32 | NOW.inc
ORDER = Dependency("orders", "eu", 7)


@pytest.fixture
def mongod():
    made = ScriptedServer()
    yield made
    made.close()


@pytest.fixture
def replica(mongod):
    """Make the stores of one replica in `eu`; everything is on the one server."""
    made = []

    def make(address: str = mongod.address, **settings):
        made.append(Pools())
        section = {"type": "mongodb", "servers": {"eu": address, "us": address}, **settings}
        return open_datastores(parse(toml_of(section)).antipode.values(), None, Host(region="us"), {}, made[-1])

    yield make
    for one in made:
        one.close()


def test_a_write_replaces_the_document_for_a_majority_and_is_a_dependency(mongod, replica):
    mongod.answers["update"] = {"ok": 1, "n": 1, "nModified": 1}
    transfer(Lineage([ORDER]))

    written = replica().agent("posts").write("posts", "42", {"title": "Hello"})

    assert written == Dependency("posts", "lab", VERSION)
    [command] = mongod.commands
    assert (command["update"], command["$db"]) == ("posts", "weaverlab")
    assert command["writeConcern"] == {"w": "majority"}
    [update] = command["updates"]
    assert update["q"] == {"_id": "42"} and update["upsert"]
    assert update["u"] == {
        "_id": "42",
        "title": "Hello",
        "_weaverlab": {"form": "fields", "lineage": Lineage([ORDER]).pack()},
    }


def test_a_delete_is_for_a_majority_and_a_dependency_too(mongod, replica):
    mongod.answers["delete"] = {"ok": 1, "n": 0}

    assert replica().agent("posts").delete("posts", "42").version == VERSION

    [command] = mongod.commands
    assert command["deletes"] == [{"q": {"_id": "42"}, "limit": 1}]
    assert command["writeConcern"] == {"w": "majority"}


def found(*documents):
    return {"ok": 1, "cursor": {"id": 0, "ns": "weaverlab.posts", "firstBatch": list(documents)}}


def test_a_read_sees_what_a_majority_has_and_depends_on_the_time_of_the_answer(mongod, replica):
    document = {"_id": "42", "value": "hello", "_weaverlab": {"form": "value", "lineage": Lineage([ORDER]).pack()}}
    mongod.answers["find"] = found(document)

    value, lineage = replica().agent("posts").read("posts", "42")

    assert value == "hello"
    assert lineage == Lineage([ORDER, Dependency("posts", "lab", VERSION)])
    [command] = mongod.commands
    assert command["filter"] == {"_id": "42"}
    assert command["readConcern"]["level"] == "majority"
    assert command["$readPreference"] == {"mode": "primaryPreferred"}  # so that a secondary answers


def test_what_is_not_there_is_not_found(mongod, replica):
    mongod.answers["find"] = found()

    with pytest.raises(NotFoundError):
        replica().agent("posts").read("posts", "42")


def test_a_barrier_is_a_read_after_the_cluster_time(mongod, replica):
    later = bson.Timestamp(NOW.time, NOW.inc + 1)

    def arrive(command):
        mongod.hello["lastWrite"] = {"majorityOpTime": {"ts": later, "t": 1}}
        return found()

    mongod.answers["find"] = arrive
    transfer(Lineage([Dependency("posts", "lab", VERSION + 1)]))

    assert replica().barrier().is_complete

    [command] = mongod.commands
    assert command["readConcern"] == {"level": "majority", "afterClusterTime": later}
    assert 0 < command["maxTimeMS"] <= 1000 * server.WAIT_SLICE_S
    assert command["limit"] == 1 and command["singleBatch"]


def test_a_barrier_that_has_nothing_to_wait_for_does_not_wait(mongod, replica):
    transfer(Lineage([Dependency("posts", "lab", VERSION)]))

    assert replica().barrier().is_complete
    assert mongod.commands == []


@pytest.mark.parametrize(
    "refusal",
    [
        {"ok": 0, "code": 50, "codeName": "MaxTimeMSExpired", "errmsg": "operation exceeded time limit"},
        {
            "ok": 0,
            "code": 72,
            "codeName": "InvalidOptions",
            "errmsg": "must not be greater than the current clusterTime",
        },
    ],
    ids=["not yet", "never heard of"],
)
def test_a_barrier_gives_up_in_time_and_says_how_far_the_replica_is(mongod, replica, refusal, monkeypatch):
    def refuse(command):
        if refusal["code"] == 50:
            time.sleep(command["maxTimeMS"] / 1000)  # as a server does that waits for its replication
        return refusal

    mongod.answers["find"] = refuse
    monkeypatch.setattr(server, "DOUBT_S", 60.0)  # without asking the primary, which is the same server here
    transfer(Lineage([Dependency("posts", "lab", VERSION + 3)]))

    with pytest.raises(BarrierTimeout, match="3 behind"):
        replica().barrier(timeout_s=0.2)

    assert len(mongod.commands) < 10  # it does not spin


def test_a_server_without_a_replica_set_is_an_error_before_anything_is_written(mongod, replica):
    del mongod.hello["setName"]

    with pytest.raises(StoreError, match="in no replica set, so it has no cluster time"):
        replica().agent("posts").write("posts", "42", "hello")

    assert mongod.commands == []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def test_a_server_that_is_not_there_is_unreachable_and_nothing_was_written(replica, monkeypatch):
    monkeypatch.setattr(server, "COMMAND_TIMEOUT_S", 0.3)
    posts = replica(f"127.0.0.1:{free_port()}").agent("posts")

    with request():
        with pytest.raises(Unreachable, match="Connection refused") as caught:
            posts.write("posts", "42", "hello")
        assert not caught.value.maybe_executed
        assert not context.current()
    assert not posts.health().is_healthy


def test_a_connection_that_is_lost_leaves_it_open_whether_the_write_happened(mongod, replica):
    mongod.answers["update"] = None

    with pytest.raises(CallLost) as caught:
        replica().agent("posts").write("posts", "42", "hello")

    assert caught.value.maybe_executed
    assert len(mongod.commands) == 1  # and it is not repeated


def test_a_read_whose_connection_is_lost_has_not_changed_anything(mongod, replica):
    mongod.answers["find"] = None

    with pytest.raises(CallLost) as caught:
        replica().agent("posts").read("posts", "42")

    assert not caught.value.maybe_executed


def test_a_server_that_does_not_answer_in_time_leaves_it_open_too(mongod, replica, monkeypatch):
    monkeypatch.setattr(server, "COMMAND_TIMEOUT_S", 0.3)
    answers_again = threading.Event()
    mongod.answers["update"] = lambda command: {"ok": 1, "n": 1} if answers_again.wait(5) else None

    with pytest.raises(DeadlineExceeded) as caught:
        replica().agent("posts").write("posts", "42", "hello")
    answers_again.set()

    assert caught.value.maybe_executed


def test_a_write_that_no_majority_confirms_may_have_happened(mongod, replica):
    trouble = {"code": 64, "errmsg": "waiting for replication timed out", "errInfo": {"wtimeout": True}}
    mongod.answers["update"] = {"ok": 1, "n": 1, "nModified": 1, "writeConcernError": trouble}

    with pytest.raises(CallLost, match="no majority has confirmed it") as caught:
        replica().agent("posts").write("posts", "42", "hello")

    assert caught.value.maybe_executed


def test_a_server_that_is_no_primary_refuses_and_nothing_was_written(mongod, replica):
    mongod.answers["update"] = {"ok": 0, "code": 10107, "codeName": "NotWritablePrimary", "errmsg": "not primary"}

    with pytest.raises(StoreError, match=r"is not the primary now\. Nothing was changed"):
        replica().agent("posts").write("posts", "42", "hello")


@pytest.mark.parametrize(("code", "name"), [(11602, "InterruptedDueToReplStateChange"), (91, "ShutdownInProgress")])
def test_a_primary_that_steps_down_or_ends_meanwhile_leaves_it_open(mongod, replica, code, name):
    mongod.answers["update"] = {"ok": 0, "code": code, "codeName": name, "errmsg": "operation was interrupted"}

    with pytest.raises(CallLost, match="operation was interrupted") as caught:
        replica().agent("posts").write("posts", "42", "hello")

    assert caught.value.maybe_executed


def test_wrong_credentials_are_an_error_and_no_password_is_shown_anywhere(mongod, replica, caplog):
    caplog.set_level(logging.DEBUG)
    mongod.answers["saslStart"] = {"ok": 0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "it failed"}
    mongod.hello["saslSupportedMechs"] = ["SCRAM-SHA-256"]
    posts = replica(user="ann", password=SECRET).agent("posts")

    with pytest.raises(StoreError, match=r"Check user, password and database in \[antipode\.posts\]") as caught:
        posts.write("posts", "42", "hello")

    text = "".join(traceback.format_exception(caught.value))
    for shown in (text, caplog.text, repr(posts), repr(posts._datastore), posts.health().detail):
        assert SECRET not in shown


def test_a_value_that_is_too_large_is_refused_and_nothing_was_written(mongod, replica):
    with pytest.raises(StoreError, match=r"too large.*Nothing was changed"):
        replica().agent("posts").write("posts", "42", bytes(17 * 1024 * 1024))

    assert mongod.commands == []


@pytest.mark.parametrize("table", ["", "a$b", "system.users", ".a", "a."])
def test_a_table_that_cannot_be_a_collection_is_refused(mongod, replica, table):
    with pytest.raises(StoreError, match="is no name of a collection"):
        replica().agent("posts").write(table, "42", "hello")

    assert mongod.commands == []


def test_a_value_that_the_reader_cannot_unpickle_is_an_error_that_names_it(mongod, replica):
    ours = {"form": "pickle", "lineage": b""}
    mongod.answers["find"] = found({"_id": "42", "value": pickle.dumps(1)[:-2], "_weaverlab": ours})

    with pytest.raises(StoreError, match="posts/42 of store posts: the stored value cannot be unpickled"):
        replica().agent("posts").read("posts", "42")


def test_health_says_what_the_servers_are(mongod, replica):
    posts = replica().agent("posts")

    assert posts.health().is_healthy
    mongod.hello["isWritablePrimary"] = False
    assert "eu: this server is no primary" in posts.health().detail


def without_authorities():
    """Return a configuration whose file of authorities is not there."""
    section = {"type": "mongodb", "servers": {"eu": "127.0.0.1:1"}, "user": "weaver", "password": SECRET}
    return parse(toml_of({**section, "tls": "/no/such/file.pem"}))


def test_settings_that_cannot_be_are_an_error_without_the_password_in_it_or_in_its_frames():
    pools = Pools()
    posts = open_datastores(without_authorities().antipode.values(), None, Host(region="eu"), {}, pools).agent("posts")

    with pytest.raises(StoreError, match=r"/no/such/file\.pem") as raised:
        posts.read("posts", "1")

    shown = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert SECRET not in shown
    assert not posts.health().is_healthy
    pools.close()
