"""Composing and editing posts, in region eu: branches fork and are joined, then the post and its announcement go out.

The announcement goes through a queue, whose messages carry the lineage of their writer. So everything that a branch
wrote must be in the lineage by then: `weaver.Executor` joins a branch's lineage when its result is taken.
"""

from __future__ import annotations

import time

from content import BranchSettings, Media, Text, UniqueId, User
from records import Announcement, Draft, Entry, Post
from timelines import Timelines

from weaverlab import Antipode, Component, Ref, WithConfig, not_retriable


class PostStorageEU(Component):
    """The posts, seen from eu."""

    posts: Antipode

    def store(self, post: Post) -> float:
        """Store a post, or a new revision of it; return the time at which that was done."""
        self.posts.write("posts", post.id, post)
        return time.monotonic()

    def touch(self) -> None:
        """Write something that comes after all posts: whoever waits for it has waited for them."""
        self.posts.write("posts", "(last)", None)

    def fetch(self, post_id: str) -> Post:
        found: Post = self.posts.read("posts", post_id).value
        return found


class UserTimeline(Component):
    """What each user has posted, newest first."""

    user_timelines: Antipode

    def init(self) -> None:
        self.timelines = Timelines(self.user_timelines)

    def show(self, user: str, entry: Entry) -> None:
        self.timelines.put(user, entry)


class ComposePost(Component, WithConfig[BranchSettings]):
    """Makes a post of a draft, and tells the followers."""

    text: Ref[Text]
    media: Ref[Media]
    ids: Ref[UniqueId]
    users: Ref[User]
    storage: Ref[PostStorageEU]
    timeline: Ref[UserTimeline]
    announcements: Antipode

    def init(self) -> None:
        self.branches = self.config.executor()

    @not_retriable
    def compose(self, draft: Draft) -> str:
        """Store what `draft` says as a new post, announce it, and return its id."""
        composing = self.branches.submit(self.text.compose, draft)
        storing = self.branches.submit(self.media.store, draft)
        counting = self.branches.submit(self.ids.next_id, draft)
        asking = self.branches.submit(self.users.creator, draft)
        prose, media, post_id, creator = composing.result(), storing.result(), counting.result(), asking.result()
        words = (prose.text, prose.urls, prose.mentions, media)
        self._publish(Post(post_id, 1, draft.request_id, creator.name, *words))
        return post_id

    @not_retriable
    def edit(self, post_id: str, draft: Draft) -> None:
        """Replace text and media of a post by what `draft` says, and announce that."""
        composing = self.branches.submit(self.text.compose, draft)
        storing = self.branches.submit(self.media.store, draft)
        fetching = self.branches.submit(self.storage.fetch, post_id)
        prose, media, old = composing.result(), storing.result(), fetching.result()
        words = (prose.text, prose.urls, prose.mentions, media)
        self._publish(Post(post_id, old.revision + 1, draft.request_id, old.author, *words))

    def shutdown(self) -> None:
        self.branches.shutdown()

    def _publish(self, post: Post) -> None:
        """Store the post; once that is done, announce it and show it in its author's timeline."""
        written_at_s = self.storage.store(post)
        news = Announcement(post.request_id, post.id, post.revision, post.author, written_at_s)
        showing = self.branches.submit(self.timeline.show, post.author, Entry(post.id, post.revision))
        self.announcements.write("announcements", "followers", news)
        showing.result()
