"""Interfaces that are implemented in other modules."""

from __future__ import annotations

from weaverlab import Interface


class Cache(Interface):
    def put(self, key: str, value: str) -> None: ...
    def get(self, key: str, default: str = "") -> str: ...
    async def size(self) -> int: ...


class Store(Interface):
    def kind(self) -> str: ...
