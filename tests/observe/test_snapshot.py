"""A snapshot is data first, and worth looking at as text and HTML."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

from tests.observe.sample import post_notification_snapshot
from weaverlab.observe import ComponentInfo, MethodKey, MethodStats, html_table, text_table
from weaverlab.types import ReplicaInfo


def test_a_snapshot_travels_and_is_json_ready() -> None:
    snapshot = post_notification_snapshot(calls=5)

    assert pickle.loads(pickle.dumps(snapshot)) == snapshot
    facts = json.loads(json.dumps(snapshot.to_dict()))
    assert facts["state"] == "running"
    assert facts["calls"][0]["callee"] == "PostUpload"
    assert facts["stores"][0]["links"][0] == {"origin": "eu", "target": "us", "lag": "100 ms"}


def test_colocated_components_share_their_replicas() -> None:
    both = ReplicaInfo("App+Feed/0", ("App", "Feed"), 11, "", True, 0)
    snapshot = replace(
        post_notification_snapshot(), components=(ComponentInfo("App"), ComponentInfo("Feed")), replicas=(both,)
    )

    assert snapshot.replicas_of("App") == snapshot.replicas_of("Feed") == (both,)


def test_local_and_remote_calls_of_one_method_are_one_row() -> None:
    local, remote = (MethodStats(MethodKey("App", "Reader", "read", kind)) for kind in (False, True))
    local.calls += 3
    remote.record(0.004, request_bytes=10, reply_bytes=5)
    remote.record(0.004, ok=False)
    remote.retries += 1
    snapshot = replace(post_notification_snapshot(), counts=(local.snapshot(), remote.snapshot()))

    (stats,) = snapshot.calls()

    assert (stats.calls, stats.errors, stats.retries, stats.bytes) == (5, 1, 1, 15)
    assert snapshot.edge_calls()["App", "Reader"].calls == 5


def test_the_text_of_a_snapshot_shows_components_stores_listeners_and_calls() -> None:
    text = str(post_notification_snapshot())

    assert text.startswith("Deployment 7c1f02ab (version 3a9e51c0): running on multi, 7 components in 9 weavelets")
    assert "eu->us 100 ms" in text
    assert "127.0.0.1:8080" in text
    row = next(line for line in text.splitlines() if line.startswith("FollowerNotify  Reader"))
    assert row.split()[2:6] == ["do_reader", "1204", "3", "0"]


def test_a_deployment_that_shipped_no_code_shows_no_version() -> None:
    assert str(replace(post_notification_snapshot(), version="")).startswith("Deployment 7c1f02ab: running on multi")


def test_a_notebook_gets_text_and_escaped_html() -> None:
    snapshot = replace(post_notification_snapshot(), components=(ComponentInfo("<b>Bold & Co</b>"),))

    bundle = snapshot._repr_mimebundle_()

    assert set(bundle) == {"text/plain", "text/html"}
    assert "&lt;b&gt;Bold &amp; Co&lt;/b&gt;" in bundle["text/html"]


def test_a_text_table_aligns_numbers_right_and_words_left() -> None:
    table = text_table(["name", "calls", "share"], [["a", 12345, 0.5], ["long name", 7, None]])

    assert table.splitlines() == [
        "name       calls  share",
        "---------  -----  -----",
        "a          12345    0.5",
        "long name      7      -",
    ]


def test_a_table_without_rows_is_its_heading() -> None:
    assert text_table(["a", "b"], []) == "a  b\n-  -"
    assert "<tbody></tbody>" in html_table(["a", "b"], [])
