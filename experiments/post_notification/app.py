"""Post and notification: does a reader find the post that it has been told about?

    region eu                                              region us

    client --> App --> PostUpload --> PostStorageEU ~~~~ posts, 60-100 ms ~~~~> PostStorageUS
                            |                                                       ^
                            v                                                       |
                        Notifier ~~~~ notifications, 20 ms ~~> FollowerNotify --> Reader

A post is stored in eu, then a notification is sent. Both travel to us, and the notification is faster. `PostStorageUS`
decides what to do about that before it reads: nothing, sleep, or wait at a barrier. What each reader saw goes back to
App through a third queue, `outcomes`, which is an instrument and no part of the story.

Not in here: HTTP (`web.py`), load and figures (`run.py`).
"""

# mypy: disable-error-code="empty-body"
# (the methods of an interface have no body)

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

from web import serve_posts

import weaverlab as weaver
from weaverlab import Antipode, AutoMarshal, Component, Implements, Interface, Listener, Main, Ref, WithConfig
from weaverlab.antipode import Lineage
from weaverlab.errors import NotFoundError
from weaverlab.experiment import MessageLoop

POLL_S = 0.002  # between two looks at whether a post is there; only probes of the lag look like that

Strategy = Literal["none", "sleep", "barrier"]


class Post(AutoMarshal):
    """What a user writes."""

    id: str
    text: str


class Notification(AutoMarshal):
    """What followers are told; `written_at_s` is when the post had been stored, on the clock of the whole machine."""

    post_id: str
    written_at_s: float


class Fetched(AutoMarshal):
    """What a read in us gave: the post, or None if it is not there (yet); and how long the strategy waited first."""

    post: Post | None
    strategy: Strategy
    waited_ms: float


class Outcome(AutoMarshal):
    """How it went for one reader; `window_ms` is the time from the post's write to the end of the attempt to read."""

    post_id: str
    strategy: Strategy
    found: bool
    window_ms: float
    waited_ms: float
    lineage_bytes: int
    dependencies: int


class PostWriter(Interface):
    """Where posts are written."""

    def store(self, post: Post) -> float:
        """Store a post and return the time at which that was done."""


class PostReader(Interface):
    """Where posts are read."""

    def fetch(self, post_id: str) -> Fetched:
        """Return the post as this region sees it."""

    def wait_visible(self, post_id: str, timeout_s: float) -> float | None:
        """Return when this region first saw the post, to a millisecond; an instrument, which measures the lag."""


class PostStorageEU(Implements[PostWriter], PostWriter):
    """The posts, seen from eu."""

    posts: Antipode

    def store(self, post: Post) -> float:
        self.posts.write("posts", post.id, post)
        return time.monotonic()


@dataclass
class ReadSettings:
    """What PostStorageUS does before it reads."""

    strategy: Strategy = "none"
    sleep_ms: float = 110.0

    def validate(self) -> None:
        if self.sleep_ms < 0:
            raise ValueError(f"sleep_ms = {self.sleep_ms}: expected 0 or more")


class PostStorageUS(Implements[PostReader], PostReader, WithConfig[ReadSettings]):
    """The posts, seen from us. The three strategies are here."""

    posts: Antipode

    def fetch(self, post_id: str) -> Fetched:
        started_s = time.monotonic()
        if self.config.strategy == "sleep":
            time.sleep(self.config.sleep_ms / 1000)
        elif self.config.strategy == "barrier":
            self.posts.barrier()  # until all that this request depends on is visible here, and no longer
        waited_ms = (time.monotonic() - started_s) * 1000
        return Fetched(self._read(post_id), self.config.strategy, waited_ms)

    def wait_visible(self, post_id: str, timeout_s: float) -> float | None:
        before_s = time.monotonic()
        last_s = before_s + timeout_s
        while self._read(post_id) is None:
            before_s = time.monotonic()
            if before_s > last_s:
                return None
            time.sleep(POLL_S)
        return (before_s + time.monotonic()) / 2  # it came between two looks

    def _read(self, post_id: str) -> Post | None:
        try:
            post: Post = self.posts.read("posts", post_id).value
        except NotFoundError:
            return None
        return post


class Notifier(Component):
    """Tells the followers in all regions."""

    notifications: Antipode

    def notify(self, notification: Notification) -> None:
        self.notifications.write("notifications", "followers", notification)


@dataclass
class UploadSettings:
    """How long PostUpload waits between its two writes, as applications do that hope for the best."""

    delay_ms: float = 0.0

    def validate(self) -> None:
        if self.delay_ms < 0:
            raise ValueError(f"delay_ms = {self.delay_ms}: expected 0 or more")


class PostUpload(Component, WithConfig[UploadSettings]):
    """Stores a post, and only then has its followers notified. Nobody here knows about regions."""

    storage: Ref[PostWriter]
    notifier: Ref[Notifier]

    def upload(self, post: Post) -> None:
        written_at_s = self.storage.store(post)
        time.sleep(self.config.delay_ms / 1000)
        self.notifier.notify(Notification(post.id, written_at_s))


class Reader(Component):
    """Reads what it has been notified of, and reports what it saw."""

    storage: Ref[PostReader]
    outcomes: Antipode

    def read(self, notification: Notification) -> None:
        packed = weaver.get_lineage()  # it came with the notification: nobody passed it on by hand
        fetched = self.storage.fetch(notification.post_id)
        window_ms = (time.monotonic() - notification.written_at_s) * 1000
        found = fetched.post is not None
        sizes = (len(packed), len(Lineage.unpack(packed)))
        outcome = Outcome(notification.post_id, fetched.strategy, found, window_ms, fetched.waited_ms, *sizes)
        self.outcomes.write("outcomes", "app", outcome)


@dataclass
class FollowSettings:
    """How many notifications one replica of FollowerNotify handles at a time."""

    consumers: int = 8

    def validate(self) -> None:
        if self.consumers < 1:
            raise ValueError(f"consumers = {self.consumers}: expected 1 or more")


class FollowerNotify(Component, WithConfig[FollowSettings]):
    """Has every notification read. Its threads, and those of its other replicas, compete for them."""

    reader: Ref[Reader]
    notifications: Antipode

    def init(self) -> None:
        self.loops = [
            MessageLoop(self.notifications, "notifications", "followers", self.reader.read, self.logger)
            for _ in range(self.config.consumers)
        ]

    def consumers(self) -> int:
        """Return how many notifications this replica handles at a time."""
        return len(self.loops)

    def shutdown(self) -> None:
        for loop in self.loops:
            loop.close()
        for loop in self.loops:
            loop.join()


class App(Main):
    """The way in for clients: `POST /posts`, and `GET /outcomes` for whoever measures."""

    uploads: Ref[PostUpload]
    followers: Ref[FollowerNotify]
    web: Listener
    outcomes: Antipode

    def init(self) -> None:
        self.known: dict[str, Outcome] = {}  # by post id; all of them, as an experiment is short
        self.arrived = threading.Condition()  # guards `known` and `is_stopping`
        self.is_stopping = False
        self.loop = MessageLoop(self.outcomes, "outcomes", "app", self._take_in, self.logger)
        self.server = serve_posts(self.web.socket, self.publish, self.wait_outcomes)

    def main(self) -> None:
        self.logger.info("open at http://%s/posts; %d consumers follow", self.web, self.followers.consumers())
        with self.arrived:
            self.arrived.wait_for(lambda: self.is_stopping)

    def publish(self, post_id: str, text: str) -> None:
        """Upload a post, as a request of its own: from here on, what it depends on is kept track of."""
        with weaver.request():
            self.uploads.upload(Post(post_id, text))

    def wait_outcomes(self, count: int, timeout_s: float) -> list[Outcome]:
        """Return all known outcomes as soon as there are `count` of them, at the latest after `timeout_s`."""
        with self.arrived:
            self.arrived.wait_for(lambda: len(self.known) >= count or self.is_stopping, timeout_s)
            return list(self.known.values())

    def shutdown(self) -> None:
        with self.arrived:
            self.is_stopping = True
            self.arrived.notify_all()
        self.server.close()
        self.loop.close()
        self.loop.join()

    def _take_in(self, outcome: Outcome) -> None:
        with self.arrived:
            self.known.setdefault(outcome.post_id, outcome)  # a message may be delivered twice; the first one counts
            self.arrived.notify_all()
