"""A checked application as data: components, methods, and the static call graph. How it is found out: see `build`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field

from weaverlab.component import registry
from weaverlab.component.declare import extends
from weaverlab.component.key_types import KeyType
from weaverlab.component.shapes import Shape
from weaverlab.errors import DeclarationError, nearest


@dataclass(frozen=True)
class MethodSpec:
    """One method of an interface; `signature` is the interface's, without `self`, `key_type` that of a routed one."""

    name: str
    shape: Shape
    retriable: bool
    signature: inspect.Signature
    key_type: KeyType | None = None

    @property
    def is_async(self) -> bool:
        """Whether callers await its answer, or each item of it; else they block."""
        return self.shape.is_async

    @property
    def streams(self) -> bool:
        """Whether it answers with a stream of items."""
        return self.shape.streams

    @property
    def has_keywords(self) -> bool:
        """Whether calls carry a dict of keyword arguments behind the positional ones."""
        kinds = {parameter.kind for parameter in self.signature.parameters.values()}
        return bool(kinds & {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD})


@dataclass(frozen=True)
class ComponentSpec:
    """One component: its classes, what it can be asked to do (sorted by name), and the fields to fill."""

    name: str
    implementation: type
    interface: type
    methods: tuple[MethodSpec, ...]
    refs: dict[str, str] = field(default_factory=dict)  # field -> component name
    listeners: dict[str, str] = field(default_factory=dict)  # field -> listener name
    agents: dict[str, str] = field(default_factory=dict)  # field -> [antipode.NAME]
    config_class: type | None = None
    router: type | None = None
    is_main: bool = False
    is_fake: bool = False  # an object of whoever deploys answers; `implementation` may be an interface


@dataclass(frozen=True)
class Application:
    """Components by name, callees before callers: the order of `init()`, and reversed that of `shutdown()`.

    `chosen` maps each interface that a ref asks for (`interface_key`) to the component that such refs mean.
    """

    components: dict[str, ComponentSpec]
    chosen: dict[str, str] = field(default_factory=dict)

    def resolve(self, key: str | type) -> ComponentSpec:
        """Return the component that `key` names: its class, its interface, or the name of either.

        Raises:
            DeclarationError: no component, or more than one, goes by that name; the nearest name is suggested.
        """
        found = self._by_name(key) if isinstance(key, str) else self._by_class(key)
        found = self._chosen(found) or found
        if len(found) == 1:
            return found[0]
        name = key if isinstance(key, str) else getattr(key, "__name__", repr(key))
        if found:
            several = ", ".join(spec.name for spec in found)
            raise DeclarationError([f"{name!r} is implemented by {several}: name the one you mean."])
        names = {spec.name for spec in self.components.values()}
        known = names | {spec.interface.__name__ for spec in self.components.values()}
        raise DeclarationError(
            [
                f"{name!r} is not a component of this application.{nearest(name, known - {name})} "
                f"It has: {', '.join(sorted(names))}."
            ]
        )

    def recipe(self) -> tuple[list[type], dict[str, str], list[type]]:
        """Return the arguments with which `build_application` makes this application again, here or elsewhere."""
        specs = self.components.values()
        real = [spec.implementation for spec in specs if not spec.is_fake]
        return real, self.chosen, [spec.implementation for spec in specs if spec.is_fake]

    def edges(self) -> tuple[tuple[str, str], ...]:
        """Return the static call graph: each (caller, callee) once, sorted."""
        specs = self.components.values()
        return tuple(sorted({(spec.name, callee) for spec in specs for callee in spec.refs.values()}))

    def methods(self) -> tuple[tuple[str, MethodSpec], ...]:
        """Return every (component name, method), sorted by both names: the index is the method's number on the wire."""
        return tuple((name, method) for name in sorted(self.components) for method in self.components[name].methods)

    def _by_name(self, name: str) -> list[ComponentSpec]:
        if name in self.components:
            return [self.components[name]]
        return [spec for spec in self.components.values() if spec.interface.__name__ == name]

    def _by_class(self, cls: type) -> list[ComponentSpec]:
        specs = self.components.values()
        return (
            [spec for spec in specs if registry.is_same(spec.implementation, cls)]
            or [spec for spec in specs if registry.is_same(spec.interface, cls)]
            or [spec for spec in specs if extends(spec.interface, cls)]
        )

    def _chosen(self, found: list[ComponentSpec]) -> list[ComponentSpec]:
        """Return those that refs to their interface mean: what a ref means, its name means too."""
        return [spec for spec in found if self.chosen.get(interface_key(spec.interface)) == spec.name]


def interface_key(interface: type) -> str:
    """Return the full name of an interface, which tells it from one of the same name in another module."""
    return f"{interface.__module__}.{interface.__qualname__}"
