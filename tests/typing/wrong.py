"""Read by type checkers only, and each must reject the marked lines and no other.

A mark `wrong: X, Y` says that mypy reports the code X there and pyright the rule Y (or rules Y, Z).
"""
# mypy: disable-error-code="empty-body"
# ruff: noqa: B018, F821

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import weaverlab as weaver
from tests.typing.right import Feed, Memory, Page, Post, Storage
from weaverlab import AutoMarshal, Component, Implements, Main, Ref, WithConfig, instance_of

# 1. An implementation that does not fit its interface.


class Misfit(Implements[Storage], Storage):
    def store(self, post: str, urgent: bool = False) -> None: ...  # wrong: override, reportIncompatibleMethodOverride

    def fetch(self, post_id: str) -> str:  # wrong: override, reportIncompatibleMethodOverride
        return post_id

    def page(self) -> Page[Post]:  # wrong: override, reportIncompatibleMethodOverride
        return Page([])

    def count(self) -> int:  # wrong: override, reportIncompatibleMethodOverride
        return 1


class Stranger(Component):
    def fetch(self, post_id: str) -> Post:
        return Post(post_id)


not_derived: Storage = Stranger()  # wrong: assignment, reportAssignmentType


# 2. Configuration.


@dataclass
class Settings:
    size: int = 3


class Cache(Component, WithConfig[Settings]):
    def work(self) -> None:
        self.config.sise  # wrong: attr-defined, reportAttributeAccessIssue
        size: str = self.config.size  # wrong: assignment, reportAssignmentType
        print(size)


class Plain(Component):
    def work(self) -> None:
        self.config  # wrong: attr-defined, reportAttributeAccessIssue
        self.loger.info("x")  # wrong: attr-defined, reportAttributeAccessIssue


class App(Main):
    storage: Ref[Storage]
    direct: Ref[Memory]
    unknown: Ref[Storrage]  # wrong: name-defined, reportUndefinedVariable

    async def main(self) -> None:
        # 3. Names that a component or its callee does not have.
        self.storag  # wrong: attr-defined, reportAttributeAccessIssue
        self.storage.fetsh("1")  # wrong: attr-defined, reportAttributeAccessIssue
        self.storage.posts  # wrong: attr-defined, reportAttributeAccessIssue

        # 4. Arguments and results of calls.
        self.storage.fetch(1)  # wrong: arg-type, reportArgumentType
        self.storage.fetch()  # wrong: call-arg, reportCallIssue
        self.storage.store(Post("1"), urgent="very")  # wrong: arg-type, reportArgumentType
        self.direct.fetch(post="1")  # wrong: call-arg, reportCallIssue
        text: str = self.storage.fetch("1")  # wrong: assignment, reportAssignmentType
        size: int = self.storage.page(3).items[0].text  # wrong: assignment, reportAssignmentType
        print(text, size)

        # 5. Sync and async.
        await self.storage.fetch("1")  # wrong: misc, reportGeneralTypeIssues
        self.storage.count()  # wrong: unused-coroutine, reportUnusedCoroutine
        count: int = self.storage.count()  # wrong: assignment, reportAssignmentType
        print(count)


# 6. Records.


class Note(AutoMarshal, frozen=True):
    text: str
    stars: int = 0


Note()  # wrong: call-arg, reportCallIssue
Note(1)  # wrong: arg-type, reportArgumentType
Note("1", start=2)  # wrong: call-arg, reportCallIssue
Note("1").text = "2"  # wrong: misc, reportAttributeAccessIssue
numbers: Page[int] = Page(["one"])  # wrong: list-item, reportAssignmentType


# 7. instance_of narrows.


def narrowed(thing: object) -> None:
    thing.fetch("1")  # wrong: attr-defined, reportAttributeAccessIssue
    if instance_of(thing, Storage):
        thing.fetsh("1")  # wrong: attr-defined, reportAttributeAccessIssue


instance_of(Memory, "Storage")  # wrong: call-overload, reportArgumentType, reportCallIssue


# 8. Streams.


class MisfitFeed(Implements[Feed], Feed):
    def numbers(self, n: int) -> list[int]:  # wrong: override, reportIncompatibleMethodOverride
        return [n]

    def ticks(self) -> Iterator[int]:  # wrong: override, reportIncompatibleMethodOverride
        yield 1


class FeedReader(Component):
    feed: Ref[Feed]

    async def read(self) -> None:
        self.feed.numbers("3")  # wrong: arg-type, reportArgumentType
        for tick in self.feed.ticks():  # wrong: attr-defined, reportGeneralTypeIssues
            print(tick)
        await self.feed.ticks()  # wrong: misc, reportGeneralTypeIssues
        name: str = next(self.feed.numbers(3))  # wrong: assignment, reportAssignmentType
        self.feed.posts().send("more")  # wrong: arg-type, reportArgumentType
        print(name)


# 9. A deployment.

with weaver.deploy(App, deployer="multy") as app:  # wrong: arg-type, reportArgumentType
    app.get(Storage).fetsh("1")  # wrong: attr-defined, reportAttributeAccessIssue
    weaver.metadata(user=3)  # wrong: arg-type, reportArgumentType
    weaver.timeout("x")  # wrong: arg-type, reportArgumentType
