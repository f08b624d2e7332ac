"""Components whose names mean something else already."""

from __future__ import annotations

from weaverlab import Component


class Control(Component):
    def switch(self) -> None: ...


class EmbeddedStores(Component):
    def read(self) -> None: ...


class client(Component):
    def ask(self) -> None: ...


class multi(Component):
    def fold(self) -> None: ...
