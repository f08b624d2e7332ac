"""The six services that a draft is taken to at the same time, each of which keeps its part of the post.

    ComposePost --+-- Text --+-- UrlShorten     writes urls
                  |          +-- UserMention    writes mentions
                  +-- Media                     writes media
                  +-- UniqueId                  writes ids
                  +-- User                      reads users, and writes whom it has not seen before

Each has a store of its own, which replicates at its own pace: when a post has arrived in another region, its short URLs
may not have.
"""

from __future__ import annotations

import itertools
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from records import Creator, Draft, Prose, ShortUrl

import weaverlab as weaver
from weaverlab import Antipode, Component, Ref, WithConfig, not_retriable
from weaverlab.errors import NotFoundError

BRANCHES_MAX = 32  # at a time; above that they queue
URL = re.compile(r"https?://\S+")
MENTION = re.compile(r"@(\w+)")


@dataclass
class BranchSettings:
    """Whether branches are joined. Python's own executor does not: what is written in its threads is forgotten."""

    joined: bool = True

    def executor(self) -> ThreadPoolExecutor:
        """Return the threads for the branches of a component."""
        return weaver.Executor(BRANCHES_MAX) if self.joined else ThreadPoolExecutor(BRANCHES_MAX)


class UrlShorten(Component):
    """Gives each URL a short one."""

    urls: Antipode

    def shorten(self, draft: Draft, urls: list[str]) -> list[ShortUrl]:
        """Return the URLs with their short ones, which from now on lead to them."""
        shortened = [ShortUrl(f"http://s.hort/{draft.request_id}.{n}", url) for n, url in enumerate(urls)]
        for one in shortened:
            self.urls.write("urls", one.short, one.url)
        return shortened


class UserMention(Component):
    """Remembers who was mentioned where."""

    mentions: Antipode

    def note(self, draft: Draft, names: list[str]) -> list[str]:
        """Return the references under which readers find who mentioned whom."""
        references = [f"{draft.request_id}.{name}" for name in names]
        for reference, name in zip(references, names, strict=True):
            self.mentions.write("mentions", reference, {"who": name, "by": draft.author})
        return references


class Text(Component, WithConfig[BranchSettings]):
    """Makes a text ready to be read; its URLs and its mentions at the same time."""

    urls: Ref[UrlShorten]
    mentions: Ref[UserMention]

    def init(self) -> None:
        self.branches = self.config.executor()

    def compose(self, draft: Draft) -> Prose:
        shortening = self.branches.submit(self.urls.shorten, draft, URL.findall(draft.text))
        noting = self.branches.submit(self.mentions.note, draft, MENTION.findall(draft.text))
        urls, text = shortening.result(), draft.text
        for one in urls:
            text = text.replace(one.url, one.short)
        return Prose(text, [one.short for one in urls], noting.result())

    def shutdown(self) -> None:
        self.branches.shutdown()


class Media(Component):
    """Keeps pictures."""

    media: Antipode

    def store(self, draft: Draft) -> list[str]:
        """Return the references under which readers find the draft's pictures."""
        references = [f"{draft.request_id}.{name}" for name in draft.media]
        for reference in references:
            self.media.write("media", reference, b"\x89PNG and so on")
        return references


class UniqueId(Component):
    """Gives each post an id, and notes when it did."""

    ids: Antipode

    def init(self) -> None:
        self.count = itertools.count(1)
        self.since_ms = time.time_ns() // 1_000_000  # so that a replica that was started again gives other ids

    @not_retriable
    def next_id(self, draft: Draft) -> str:
        post_id = f"{self.since_ms:x}-{next(self.count)}"
        self.ids.write("ids", post_id, draft.request_id)
        return post_id


class User(Component):
    """Knows the users, and takes in whoever posts for the first time."""

    users: Antipode

    def creator(self, draft: Draft) -> Creator:
        try:
            found: Creator = self.users.read("users", draft.author).value
        except NotFoundError:
            found = Creator(draft.author, draft.request_id)
            self.users.write("users", draft.author, found)
        return found
