"""An application that type checkers accept as it stands: every kind of declaration, used as it is meant.

It is deployed too, so what the checkers believe is also true.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from typing_extensions import assert_type

import weaverlab as weaver
from weaverlab import (
    AutoMarshal,
    Component,
    Implements,
    Interface,
    Listener,
    Main,
    Ref,
    WithConfig,
    WithRouter,
    instance_of,
    not_retriable,
    secret,
)

T = TypeVar("T")


class Post(AutoMarshal, frozen=True):
    id: str
    text: str = ""
    tags: list[str] = field(default_factory=list)


class Page(AutoMarshal, Generic[T]):
    items: list[T]
    next: Page[T] | None = None


class Storage(Interface):
    """Where posts are kept."""

    def store(self, post: Post, urgent: bool = False) -> None: ...
    def fetch(self, post_id: str) -> Post: ...
    def page(self, size: int) -> Page[Post]: ...
    async def count(self) -> int: ...


@dataclass
class Settings:
    size: int = field(default=3, metadata={"toml": "max-size"})
    password: str = secret("STORAGE_PASSWORD", default="")

    def validate(self) -> None:
        if self.size < 1:
            raise ValueError("max-size must be 1 or more")


class ByPostId:
    def store(self, post: Post, urgent: bool = False) -> str:
        return post.id

    def fetch(self, post_id: str) -> str:
        return post_id


class Memory(Implements[Storage], WithConfig[Settings], WithRouter[ByPostId], Storage):
    def init(self) -> None:
        self.posts: dict[str, Post] = {}

    @not_retriable
    def store(self, post: Post, urgent: bool = False) -> None:
        self.posts[post.id] = post
        self.logger.info("stored %s in %s", post.id, self.weaver.region)

    def fetch(self, post_id: str) -> Post:
        return self.posts[post_id]

    def page(self, size: int) -> Page[Post]:
        assert_type(self.config, Settings)
        assert_type(self.config.size, int)
        assert_type(self.config.password, str)
        return Page(list(self.posts.values())[: min(size, self.config.size)])

    async def count(self) -> int:
        return len(self.posts)


class Feed(Interface):
    """What streams; an async stream is written without `async` where it has no body."""

    def numbers(self, n: int) -> Iterator[int]: ...
    def posts(self) -> Generator[Post, None, str]: ...
    def ticks(self) -> AsyncIterator[int]: ...


class Ticker(Implements[Feed], Feed):
    def numbers(self, n: int) -> Iterator[int]:
        yield from range(n)

    def posts(self) -> Generator[Post, None, str]:
        yield Post("1")
        return "that was all"

    async def ticks(self) -> AsyncIterator[int]:
        for tick in self.numbers(3):
            yield tick


class Relay(Component):
    """Streams what another streams; its own interface."""

    feed: Ref[Feed]

    def doubled(self, n: int) -> Iterator[int]:
        for number in self.feed.numbers(n):
            assert_type(number, int)
            yield 2 * number

    def told(self) -> Iterator[Post]:
        text = yield from self.feed.posts()
        assert_type(text, str)
        yield Post("last", text)

    async def ticks(self) -> AsyncIterator[str]:
        async for tick in self.feed.ticks():
            assert_type(tick, int)
            yield str(tick)


class Reader(Component):
    """Its own interface."""

    storage: Ref[Storage]
    direct: Ref[Memory]

    def texts(self) -> list[str]:
        assert_type(self.storage, Storage)
        assert_type(self.direct, Memory)
        assert_type(self.storage.fetch("1"), Post)
        return [post.text for post in self.storage.page(2).items]

    async def count(self) -> int:
        return await self.storage.count()


class App(Main):
    storage: Ref[Storage]
    reader: Ref[Reader]
    relay: Ref[Relay]
    web: Listener
    admin: Listener = Listener(name="console")

    async def main(self) -> None:
        self.storage.store(Post("1", "hello"), urgent=True)
        assert_type(await self.reader.count(), int)
        assert_type(self.web.addr, str)
        assert self.reader.texts() == ["hello"]
        assert list(self.relay.doubled(3)) == [0, 2, 4]
        assert [post.text for post in self.relay.told()] == ["", "that was all"]
        ticks = self.relay.ticks()
        assert_type(ticks, AsyncIterator[str])
        assert [tick async for tick in ticks] == ["0", "1", "2"]


def is_storage(thing: object) -> str:
    if instance_of(thing, Storage):
        assert_type(thing, Storage)
        return thing.fetch("1").text
    return "no storage"


def make(cls: type) -> Post:
    if instance_of(cls, Storage):
        assert_type(cls, type[Storage])
        return cls().fetch("1")
    return Post("none")


def deploy_and_use() -> list[str]:
    with weaver.deploy(App, deployer="single", replicas={Storage: 1}, colocate=[[App, Reader]]) as app:
        app.run_main()
        assert_type(app.get(Storage), Storage)
        with weaver.timeout(5.0), weaver.metadata(user="ann"), weaver.request() as trace:
            assert_type(trace, str)
            assert_type(app.get(Storage).fetch("1"), Post)
        return app.get(Reader).texts()


fits: Storage = Memory()
