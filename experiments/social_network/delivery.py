"""The followers' side, in region us: announcements become entries of home timelines, and followers read the posts.

    announcements ~~> WriteHomeTimeline --> SocialGraph       who follows the author?
                         | (barrier?)   --> HomeTimeline      an entry for each of them
                         |              --> Follower          one of them looks at once
                                               +--> HomeTimeline, PostStorageUS, and whatever the post refers to

`WriteHomeTimeline` decides whether to wait at a barrier before it shows anything to anybody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import graph
from records import Announcement, Entry, Outcome, Post
from timelines import Timelines

import weaverlab as weaver
from weaverlab import Antipode, Component, Ref, WithConfig
from weaverlab.antipode import Lineage
from weaverlab.clock import system_rng
from weaverlab.errors import NotFoundError
from weaverlab.experiment import MessageLoop


@dataclass
class GraphSettings:
    """A scale-free graph of `users`, each of whom comes with `links`; or the edges in the file `edges`."""

    users: int = 300
    links: int = 4
    seed: int = 1
    edges: str = ""

    def validate(self) -> None:
        if not 1 <= self.links < self.users:
            raise ValueError(f"users = {self.users}, links = {self.links}: expected at least 1 link, and more users")


class SocialGraph(Component, WithConfig[GraphSettings]):
    """Who follows whom. It does not change, so that every replica can make it for itself."""

    def init(self) -> None:
        settings = self.config
        if settings.edges:
            edges = graph.read_edges(Path(settings.edges))
        else:
            edges = graph.scale_free(settings.users, settings.links, system_rng(settings.seed))
        self.by_user = graph.followers(edges)

    def count(self) -> int:
        """Return how many users there are; they are called u0, u1, ..."""
        return len(self.by_user)

    def followers(self, user: str) -> list[str]:
        return [f"u{n}" for n in self.by_user[int(user.removeprefix("u"))]]


class PostStorageUS(Component):
    """The posts, seen from us."""

    posts: Antipode

    def fetch(self, post_id: str) -> Post | None:
        """Return a post as this region sees it; None if it does not."""
        try:
            found: Post = self.posts.read("posts", post_id).value
        except NotFoundError:
            return None
        return found

    def wait_visible(self) -> None:
        """Wait until the posts that the caller depends on are visible here."""
        self.posts.barrier()


class HomeTimeline(Component):
    """What each user is shown of those whom it follows, newest first."""

    home_timelines: Antipode

    def init(self) -> None:
        self.timelines = Timelines(self.home_timelines)

    def show(self, users: list[str], entry: Entry) -> None:
        """Show a new post, or a new revision of one, in the timelines of `users`."""
        for user in users:
            self.timelines.put(user, entry)

    def read(self, user: str) -> list[Entry]:
        return self.timelines.read(user)


class Follower(Component):
    """A follower's application: reads the home timeline, an entry's post, and all that the post refers to."""

    timeline: Ref[HomeTimeline]
    storage: Ref[PostStorageUS]
    urls: Antipode
    mentions: Antipode
    media: Antipode
    ids: Antipode
    users: Antipode

    def look(self, user: str, post_id: str) -> tuple[int, list[str]]:
        """Return the revision of the post that `user` is shown, 0 if there is no post; and what was not there of it."""
        if post_id not in {entry.post_id for entry in self.timeline.read(user)}:
            raise LookupError(f"the home timeline of {user} shows no post {post_id}")
        post = self.storage.fetch(post_id)
        return (0, []) if post is None else (post.revision, self._missing(post))

    def _missing(self, post: Post) -> list[str]:
        parts = [
            *(("url", self.urls, "urls", short) for short in post.urls),
            *(("mention", self.mentions, "mentions", reference) for reference in post.mentions),
            *(("media", self.media, "media", reference) for reference in post.media),
            ("id", self.ids, "ids", post.id),
            ("author", self.users, "users", post.author),
        ]
        return sorted({part for part, store, table, key in parts if not is_visible(store, table, key)})


def is_visible(store: Antipode, table: str, key: str) -> bool:
    try:
        store.read(table, key)
    except NotFoundError:
        return False
    return True


@dataclass
class WriteSettings:
    """What WriteHomeTimeline does before it shows an entry; and how many announcements it handles at a time."""

    strategy: Literal["none", "barrier"] = "none"
    consumers: int = 8


class WriteHomeTimeline(Component, WithConfig[WriteSettings]):
    """Takes announcements, writes and updates home timelines, and has one follower look."""

    graph: Ref[SocialGraph]
    timeline: Ref[HomeTimeline]
    follower: Ref[Follower]
    announcements: Antipode
    outcomes: Antipode

    def init(self) -> None:
        self.loops = [
            MessageLoop(self.announcements, "announcements", "followers", self.deliver, self.logger)
            for _ in range(self.config.consumers)
        ]

    def deliver(self, news: Announcement) -> None:
        lineage = Lineage.unpack(weaver.get_lineage())  # it came with the message: nobody passed it on by hand
        started_s = time.monotonic()
        if self.config.strategy == "barrier":
            self.announcements.barrier()  # until all that this request depends on is visible here
        waited_ms = (time.monotonic() - started_s) * 1000
        followers = self.graph.followers(news.author)
        self.timeline.show(followers, Entry(news.post_id, news.revision))
        reader = followers[int(news.request_id) % len(followers)]
        found_revision, missing = self.follower.look(reader, news.post_id)
        window_ms = (time.monotonic() - news.written_at_s) * 1000
        seen = (news.request_id, news.revision, found_revision, missing, window_ms, waited_ms)
        self.outcomes.write("outcomes", "app", Outcome(*seen, len(lineage), len(lineage.pack())))

    def shutdown(self) -> None:
        for loop in self.loops:
            loop.close()
        for loop in self.loops:
            loop.join()
