"""The post-notification application as data, for tests of the pictures: a snapshot, and two requests."""

from __future__ import annotations

from weaverlab.observe import (
    ComponentInfo,
    LagLink,
    ListenerInfo,
    MethodKey,
    MethodStats,
    Snapshot,
    StoreInfo,
)
from weaverlab.types import ReplicaInfo

REGIONS = {
    "App": "", "PostUpload": "eu", "PostStorageEU": "eu", "Notifier": "eu",
    "FollowerNotify": "us", "Reader": "us", "PostStorageUS": "us",
}  # fmt: skip
EDGES = (
    ("App", "PostUpload"),
    ("App", "FollowerNotify"),
    ("PostUpload", "PostStorageEU"),
    ("PostUpload", "Notifier"),
    ("FollowerNotify", "Reader"),
    ("Reader", "PostStorageUS"),
)


def post_notification_snapshot(calls: int = 1204) -> Snapshot:
    """Return the running deployment after `calls` posts; the reader side has two replicas, one of them down."""
    return Snapshot(
        deployment_id="7c1f02ab",
        version="3a9e51c0",
        deployer="multi",
        state="running",
        components=tuple(ComponentInfo(name, region, name == "App") for name, region in REGIONS.items()),
        replicas=tuple(_replicas()),
        edges=EDGES,
        counts=tuple(_counts(calls)),
        stores=(
            StoreInfo("posts", "embedded-kv", ("eu", "us"), (LagLink("eu", "us", "100 ms"),),
                      ("PostStorageEU", "PostStorageUS")),
            StoreInfo("notifications", "embedded-queue", ("eu", "us"), (LagLink("eu", "us", "20 ms"),),
                      ("FollowerNotify", "Notifier")),
        ),
        listeners=(ListenerInfo("web", "App", "127.0.0.1:8080"),),
    )  # fmt: skip


def _replicas() -> list[ReplicaInfo]:
    pid, replicas = 4100, []
    for name in REGIONS:
        for number in range(2 if name in ("Reader", "PostStorageUS") else 1):
            pid += 7
            address, healthy = f"unix:/run/{name}-{number}", (name, number) != ("Reader", 1)
            replicas.append(ReplicaInfo(f"{name}/{number}", (name,), pid, address, healthy, 0 if healthy else 1))
    return replicas


def _counts(calls: int) -> list:
    counts = []
    for position, (caller, callee) in enumerate(EDGES):
        if callee == "FollowerNotify" or not calls:
            continue  # declared, never called: App only keeps it alive
        stats = MethodStats(MethodKey(caller, callee, f"do_{callee.lower()}", remote=True))
        for number in range(calls):
            latency_s = 0.0002 * (position + 1) + number * 1e-7
            stats.record(latency_s, ok=not (callee == "Reader" and number < 3), request_bytes=310, reply_bytes=52)
        counts.append(stats.snapshot())
    return counts
