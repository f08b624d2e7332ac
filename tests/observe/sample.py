"""The post-notification application as data, for tests of the pictures: a snapshot, and two requests."""

from __future__ import annotations

from weaverlab.history import Applied, Delivered, Event, Finished, Invoked, Observed, Returned, Started, Waited, Wrote
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


class Story:
    """Writes the events of one request, as the processes of the application would."""

    def __init__(self, request: str, begin_s: float = 4711.25) -> None:
        self.request = request
        self.begin_s = begin_s
        self.events: list[Event] = []
        self._spans = 0

    def add(self, kind: type[Event], at_ms: float, component: str, region: str | None = None, **fields: object) -> None:
        where = REGIONS.get(component, "") if region is None else region
        at_s = self.begin_s + at_ms / 1e3
        self.events.append(kind(at_s, self.request, component, f"{component}/0", where, **fields))  # type: ignore[arg-type]

    def call(self, caller: str, callee: str, method: str, times_ms: tuple[float, float, float, float]) -> None:
        self._spans += 1
        span, (invoked, started, finished, returned) = f"s{self._spans}", times_ms
        self.add(Invoked, invoked, caller, span=span, callee=callee, method=method)
        self.add(Started, started, callee, span=span, method=method)
        self.add(Finished, finished, callee, span=span)
        self.add(Returned, returned, caller, span=span)


POST = {"store": "posts", "table": "posts", "key": "p42", "scope": "eu", "version": 17}
NOTE = {"store": "notifications", "table": "notifications", "key": "n42", "scope": "eu", "version": 9}


def post_notification_events(*, barrier: bool, request: str = "4f2a91c07be3d815") -> tuple[Event, ...]:
    """Return one request: the notification takes 21 ms to the us, the post 101 ms; without a barrier the read fails."""
    story = Story(request)
    story.call("App", "PostUpload", "upload", (0.0, 0.21, 2.05, 2.23))
    story.call("PostUpload", "PostStorageEU", "store", (0.34, 0.52, 0.98, 1.12))
    story.add(Wrote, 0.81, "PostStorageEU", **POST)
    story.call("PostUpload", "Notifier", "notify", (1.21, 1.40, 1.86, 1.97))
    story.add(Wrote, 1.66, "Notifier", **NOTE)
    story.add(Applied, 22.7, "EmbeddedStores", "us", **NOTE)
    story.add(Delivered, 22.95, "FollowerNotify", **NOTE)
    story.add(Applied, 101.9, "EmbeddedStores", "us", **POST)
    read_ms = 23.9
    if barrier:
        story.add(Waited, 102.3, "Reader", started_s=story.begin_s + 23.75 / 1e3, dependencies=(("posts", "eu", 17),))
        read_ms = 102.9
    story.call("FollowerNotify", "Reader", "read_post", (23.2, 23.5, read_ms + 1.1, read_ms + 1.3))
    story.call("Reader", "PostStorageUS", "fetch", (read_ms, read_ms + 0.22, read_ms + 0.7, read_ms + 0.84))
    found = {"found": True, "scope": "eu", "version": 17} if barrier else {"found": False}
    item = {key: POST[key] for key in ("store", "table", "key")}
    story.add(Observed, read_ms + 0.45, "PostStorageUS", **item, **found)
    return tuple(sorted(story.events, key=lambda event: event.at_s))
