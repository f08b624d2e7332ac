"""Read by a type checker only. A comment `mypy: X` names the error code, or the revealed type, of its line."""
# ruff: noqa: B018, F821

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from weaverlab.component import (
    AutoMarshal,
    Component,
    Implements,
    Interface,
    Listener,
    Main,
    Ref,
    WithConfig,
    instance_of,
    not_retriable,
)


class Post(AutoMarshal, frozen=True):
    id: str
    text: str = ""


class Storage(Interface):
    def store(self, post: Post, urgent: bool = False) -> None: ...
    @abstractmethod
    def fetch(self, post_id: str) -> Post: ...
    @abstractmethod
    async def count(self) -> int: ...


@dataclass
class Settings:
    size: int = 3


class StorageEU(Implements[Storage], WithConfig[Settings], Storage):
    @not_retriable
    def store(self, post: Post, urgent: bool = False) -> None:
        reveal_type(self.config.size)  # mypy: int
        self.config.sise  # mypy: attr-defined
        self.logger.info("stored %s in %s", post.id, self.weaver.region)

    def fetch(self, post_id: str) -> Post:
        return Post(post_id)

    async def count(self) -> int:
        return 1


class WrongArgument(Implements[Storage], Storage):
    def store(self, post: str, urgent: bool = False) -> None: ...  # mypy: override

    def fetch(self, post_id: str) -> str:  # mypy: override
        return post_id

    def count(self) -> int:  # mypy: override
        return 1


class App(Main):
    storage: Ref[Storage]
    direct: Ref[StorageEU]
    web: Listener
    admin: Listener = Listener(name="console")

    async def main(self) -> None:
        reveal_type(self.storage)  # mypy: tests.component.typing_sample.Storage
        reveal_type(self.direct)  # mypy: tests.component.typing_sample.StorageEU
        reveal_type(self.storage.fetch("1"))  # mypy: tests.component.typing_sample.Post
        reveal_type(await self.storage.count())  # mypy: int
        reveal_type(self.web.addr)  # mypy: str
        self.storage.fetch(1)  # mypy: arg-type
        self.storage.fetsh("1")  # mypy: attr-defined
        self.storage.store(Post("1"), urgent="very")  # mypy: arg-type
        self.storag  # mypy: attr-defined
        self.config  # mypy: attr-defined


class Short(Component):
    app: Ref[Unknown]  # mypy: name-defined


Post(1)  # mypy: arg-type
Post("1", txt="")  # mypy: call-arg
Post("1").id = "2"  # mypy: misc
fits: Storage = StorageEU()
fits_not: Storage = Short()  # mypy: assignment
instance_of(StorageEU, 3)  # mypy: arg-type
