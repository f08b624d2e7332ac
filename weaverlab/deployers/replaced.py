"""What a weaver.toml says of components that fakes replace: true of the application, and left out of a plan with fakes.

So a test can deploy with fakes what runs without them, with the same file. Pure. Not in here: what a fake is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from weaverlab.component import Application, build_application
from weaverlab.config import Config
from weaverlab.errors import DeclarationError

Value = TypeVar("Value")


def without_replaced(config: Config, roots: Sequence[type], faked: Application) -> Config:
    """Return `config` without the names that the application of `roots` has and, with its fakes, `faked` has not.

    Where there is no such application, as nobody has written what stands behind an interface, nothing is left out.
    """
    try:
        whole = build_application(roots, config.weaverlab.implementations)
    except DeclarationError:
        return config
    components = set(whole.components) - set(faked.components)
    listeners = _listeners(whole) - _listeners(faked)
    agents = _agents(whole) - _agents(faked)
    return replace(
        config,
        multi=replace(
            config.multi,
            replicas=_without(config.multi.replicas, components),
            colocate=tuple(_others(group, components) for group in config.multi.colocate),
            listeners=_without(config.multi.listeners, listeners),
        ),
        single=replace(config.single, listeners=_without(config.single.listeners, listeners)),
        regions={region: _others(members, components) for region, members in config.regions.items()},
        antipode=_without(config.antipode, agents),
        components=_without(config.components, components),
    )


def _listeners(app: Application) -> set[str]:
    return {name for spec in app.components.values() for name in spec.listeners.values()}


def _agents(app: Application) -> set[str]:
    return {name for spec in app.components.values() for name in spec.agents.values()}


def _without(values: Mapping[str, Value], names: set[str]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name not in names}


def _others(members: Iterable[str], names: set[str]) -> tuple[str, ...]:
    return tuple(member for member in members if member not in names)
