"""Routers: what `WithRouter[...]` of a component declares, and the key of a call.

Not in here: the types of keys (see `key_types`), and which replica a key leads to (see `weaverlab.routing`).
"""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from weaverlab.component.annotations import Unknown, as_written, is_class, newest, resolve, visible_names
from weaverlab.component.application import ComponentSpec, MethodSpec
from weaverlab.component.declare import WithRouter, interface_of, is_component, is_interface, type_argument
from weaverlab.component.key_types import Faults, KeyType, read_key_type
from weaverlab.component.methods import (
    header,
    interface_methods,
    parameters_of,
    public_members,
    required_arguments,
    shown,
)
from weaverlab.component.shapes import Method
from weaverlab.errors import RoutingError, nearest
from weaverlab.types import Key


@dataclass
class Routing:
    """The router of a component, and the types of its keys by the methods that it routes."""

    router: type | None = None
    key_types: dict[str, KeyType] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)


def faults_of_router(cls: type) -> list[str]:
    """Return what is wrong with the router of `cls`, whatever later cells may define."""
    if is_interface(cls):
        return [f"{cls.__name__}: is an interface; WithRouter belongs to its implementations."]
    return read_routing(cls).faults.certain if is_component(cls) else []


def read_routing(cls: type) -> Routing:
    """Return what component `cls`, which derives from WithRouter, declares by that."""
    routing = Routing()
    routing.router = _router(cls, routing.faults)
    interface = interface_of(cls)
    if routing.router is None or not (interface is cls or is_interface(interface)):
        return routing  # what is wrong with the interface is not the router's fault
    promised = interface_methods(interface)[0]
    routes = _routes(routing.router)
    if not routes:
        example = next((header(name, method) for name, method in promised.items()), "def method(self, key)")
        routing.faults.certain.append(
            f"{routing.router.__name__}: routes no method of {interface.__name__}. Write one with the name and the "
            f"parameters of the method, and the type of the key, such as `{_plain(example)} -> str`."
        )
    for name, (owner, route) in routes.items():
        key_type = _read_route(routing, name, owner, route, interface, promised)
        if key_type is not None:
            routing.key_types[name] = key_type
    if len(set(routing.key_types.values())) > 1:
        different = ", ".join(f"{name} -> {key_type}" for name, key_type in routing.key_types.items())
        routing.faults.certain.append(
            f"{routing.router.__name__}: its keys have different types ({different}). Return the same type from all, "
            "so that equal keys lead to one replica whatever the method."
        )
    return routing


def key_function(spec: ComponentSpec, method: MethodSpec) -> Callable[[tuple[Any, ...]], Key] | None:
    """Return what computes the key of a call of `method`; None when that is not routed.

    It takes the arguments as handles pack them: in order, and behind them a dict of keyword arguments if the method
    has any. It raises RoutingError.
    """
    if spec.router is None or method.key_type is None:
        return None
    key_type, has_keywords = method.key_type, method.has_keywords
    route = getattr(spec.router(), method.name)
    who = f"{spec.name}.{method.name} was not called: its router {spec.router.__name__}.{method.name}"

    def key(args: tuple[Any, ...]) -> Key:
        try:
            returned = route(*args[:-1], **args[-1]) if has_keywords else route(*args)
        except Exception as error:
            raise RoutingError(f"{who} raised {type(error).__name__}: {error}") from error
        try:
            return key_type.key(returned)
        except (AttributeError, OverflowError, TypeError) as error:
            raise RoutingError(f"{who} returned {reprlib.repr(returned)}, {error}; expected {key_type}.") from None

    return key


def _router(cls: type, faults: Faults) -> type | None:
    written = type_argument(cls, WithRouter)
    if written is None:
        faults.certain.append(
            f"{cls.__name__}: derives from WithRouter, which needs the router in brackets. "
            f"Write `class {cls.__name__}(..., WithRouter[SomeRouter])`."
        )
        return None
    meaning = resolve(written, cls)
    if isinstance(meaning, Unknown):
        faults.undefined.append(
            f"{cls.__name__}: WithRouter[{meaning.name}], but {meaning.name!r} is not defined."
            f"{nearest(meaning.name, visible_names(cls)) or ' Define that router, or run the cell that does.'}"
        )
        return None
    if not is_class(meaning) or is_interface(meaning) or is_component(meaning):
        faults.certain.append(
            f"{cls.__name__}: WithRouter[{as_written(meaning)}] needs a plain class, whose methods return keys."
        )
        return None
    router = newest(meaning)
    if required := required_arguments(router):
        faults.certain.append(
            f"{router.__name__}.__init__: requires {', '.join(required)}, but a router is made without arguments."
        )
    return router


def _routes(router: type) -> dict[str, tuple[type, Any]]:
    """Return the public members of `router` that are code, with the class of its that defines each."""
    kinds = (property, cached_property, classmethod, staticmethod)
    return {
        name: (owner, member)
        for name, (owner, member) in sorted(public_members(router).items())
        if isinstance(member, kinds) or (callable(member) and not isinstance(member, type))
    }


def _read_route(
    routing: Routing, name: str, owner: type, route: Any, interface: type, promised: Mapping[str, Method]
) -> KeyType | None:
    """Return the type of the keys of one method of a router, after comparing it with the method of the interface."""
    where, certain = f"{owner.__name__}.{name}", routing.faults.certain
    if not inspect.isfunction(route):
        certain.append(f"{where}: is a {type(route).__name__}, but a router has plain methods, `def` with `self`.")
        return None
    if name not in promised:
        certain.append(
            f"{where}: {interface.__name__} has no method {name!r} to route.{nearest(name, promised)} "
            f"It has: {', '.join(promised)}. Helpers of a router begin with an underscore."
        )
    elif _names_and_kinds(route) != _names_and_kinds(promised[name]):
        certain.append(
            f"{where}: takes {shown(route)}, but the method of {interface.__name__} that it routes takes "
            f"{shown(promised[name])}; names and kinds must be the same."
        )
    if inspect.iscoroutinefunction(route) or inspect.isgeneratorfunction(route) or inspect.isasyncgenfunction(route):
        certain.append(
            f"{where}: must return its key at once, without `await` or `yield`, also for an async method. Write "
            f"`{_plain(header(name, route))}`."
        )
    if "return" not in route.__annotations__:
        certain.append(
            f"{where}: does not say of which type its key is. Write `{_plain(header(name, route))} -> str`, or another "
            "type of keys: int, float, or a tuple, NamedTuple or dataclass of these."
        )
        return None
    return read_key_type(route.__annotations__["return"], owner, where, routing.faults)


def _names_and_kinds(method: Method) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind, _ in parameters_of(method)]


def _plain(header: str) -> str:
    return header.removeprefix("async ")
