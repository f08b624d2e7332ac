"""From classes, weaver.toml and arguments to a plan: which components share a weavelet, and how many replicas it has.

Pure. Every fault of the configuration is found here, all at once, before the first process starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from weaverlab.component import Application, ComponentSpec, build_application
from weaverlab.component.fakes import fake_for, faults_of_fakes, faults_of_key
from weaverlab.config import SECTIONS, Config, faults_of_names
from weaverlab.deployers.replaced import without_replaced
from weaverlab.errors import ConfigError, DeclarationError
from weaverlab.runtime.control import Control
from weaverlab.runtime.listeners import ANY_FREE_PORT
from weaverlab.stores import EmbeddedStores

RESERVED = {
    **dict.fromkeys(SECTIONS, "a section of weaver.toml"),
    Control.__name__: "the component by which a deployer asks a weavelet",
    EmbeddedStores.__name__: "the component that keeps the embedded stores",
    "client": "whoever calls from outside",
    "deployer": "whoever watches weavelets",
    "weavelet": "the writer of a weavelet's own log entries",
}


@dataclass(frozen=True)
class Group:
    """Components that live in one weavelet, and the number of such weavelets; named after its first component."""

    name: str
    components: tuple[str, ...]
    replicas: int

    def replica_ids(self) -> tuple[str, ...]:
        """Return the ids of its weavelets: `NAME/0`, `NAME/1`, ..."""
        return tuple(f"{self.name}/{n}" for n in range(self.replicas))


@dataclass(frozen=True)
class Plan:
    """What is to run; groups are ordered callees first, as far as colocation leaves such an order."""

    authored: Application  # what its author declared
    app: Application  # the same, and the embedded stores where an agent needs them
    config: Config
    groups: tuple[Group, ...]
    fakes: Mapping[str, object] = field(default_factory=dict)  # by component name; in no group, as no weavelet has them

    @property
    def regions(self) -> dict[str, str]:
        """The region of each component that has one."""
        return {component: region for region, members in self.config.regions.items() for component in members}

    @property
    def fronts(self) -> dict[str, str]:
        """The address that each listener is to have for its clients, where a proxy stands before the replicas."""
        names = [name for spec in self.app.components.values() if not spec.is_fake for name in spec.listeners.values()]
        return {name: self.config.multi.listeners.get(name, ANY_FREE_PORT) for name in names}

    @property
    def main(self) -> str | None:
        """The name of the Main component, if there is one."""
        return next((name for name, spec in self.app.components.items() if spec.is_main), None)


def make_plan(
    roots: Sequence[type],
    config: Config,
    replicas: Mapping[str | type, int] | None = None,
    colocate: Iterable[Iterable[str | type]] | None = None,
    fakes: Mapping[type, object] | None = None,
) -> Plan:
    """Return the checked plan for `roots` and all that they reach.

    `replicas` and `colocate` come on top of `[multi]`; both accept classes and names.

    Raises:
        DeclarationError: the classes are declared wrongly (all faults).
        ConfigError: the configuration does not fit them (all faults).
    """
    authored = _authored(roots, config, fakes or {})
    if fakes:
        config = without_replaced(config, roots, authored)
    app = _with_stores(authored, config)
    faults = [*config.faults, *_faults_of_config(authored, config)]
    replicas, colocate = _replicas_given(replicas, faults), _colocate_given(colocate, faults)
    counts = _counted(authored, config.multi.replicas) | _replicas(authored, replicas, faults)
    known = [[name for name in group if name in authored.components] for group in config.multi.colocate]
    together = _together(authored, [*known, *colocate], faults)
    groups = _groups(app, counts, together, faults)
    if faults:
        raise ConfigError(faults)
    return Plan(authored, app, config, groups, _fakes_by_name(authored, fakes or {}))


def _authored(roots: Sequence[type], config: Config, fakes: Mapping[type, object]) -> Application:
    faults = faults_of_fakes(fakes)
    faked = [key for key in fakes if not faults_of_key(key)]  # those with other faults still have their place
    try:
        authored = build_application(roots, config.weaverlab.implementations, faked, RESERVED)
    except DeclarationError as error:
        if config.faults:  # they may be why: `implementations` is among what counts as absent
            raise ConfigError(config.faults) from None
        raise DeclarationError([*faults, *error.faults]) from None
    if faults:
        raise DeclarationError(faults)
    return authored


def _fakes_by_name(app: Application, fakes: Mapping[type, object]) -> dict[str, object]:
    specs = app.components.values()
    return {spec.name: fakes[key] for spec in specs if (key := fake_for(spec.implementation, fakes)) is not None}


def _with_stores(authored: Application, config: Config) -> Application:
    specs = authored.components.values()
    if not any(_is_embedded(config, agent) for spec in specs for agent in spec.agents.values()):
        return authored
    real, chosen, faked = authored.recipe()
    return build_application([EmbeddedStores, *real], chosen, faked)


def _is_embedded(config: Config, agent: str) -> bool:
    return agent in config.antipode and config.antipode[agent].type.startswith("embedded")


def _faults_of_config(app: Application, config: Config) -> list[str]:
    """Return unknown names, sections that do not fit their class, and agents that no section or region serves."""
    specs = list(app.components.values())
    listeners = [name for spec in specs for name in spec.listeners.values()]
    agents = [name for spec in specs for name in spec.agents.values()]
    classes = {spec.name: spec.config_class for spec in specs if spec.config_class is not None}
    faults = faults_of_names(config, [spec.name for spec in specs], listeners, agents, classes)
    return faults + [fault for spec in specs for fault in _faults_of_regions(spec, config)]


def _faults_of_regions(spec: ComponentSpec, config: Config) -> list[str]:
    """Return the agents of a component whose store has no replica in the component's region."""
    placed = [region for region, members in config.regions.items() if spec.name in members]
    return [
        f"{config.source}: {spec.name} is in region {region!r}, but [antipode.{agent}] has replicas in "
        f"{', '.join(config.antipode[agent].regions)} only. Add the region to its `regions`, or move the component."
        for region in placed
        for agent in spec.agents.values()
        if agent in config.antipode and region not in config.antipode[agent].regions
    ]


def _replicas_given(replicas: object, faults: list[str]) -> Mapping[Any, int]:
    """Return the argument `replicas`; an empty one, and a fault, where it is no dict."""
    if replicas is None or isinstance(replicas, Mapping):
        return replicas or {}
    faults.append(f"replicas: expected a dict such as {{PostStorage: 3}}, saw {replicas!r}.")
    return {}


def _colocate_given(colocate: object, faults: list[str]) -> list[Iterable[Any]]:
    """Return the argument `colocate`; an empty one, and a fault, where it is no list of lists."""
    groups = list(colocate) if _is_list(colocate) else []
    if colocate is not None and not (_is_list(colocate) and all(_is_list(group) for group in groups)):
        faults.append(f"colocate: expected a list of lists, such as [[App, Feed]], saw {colocate!r}.")
        return []
    return groups


def _is_list(thing: object) -> TypeGuard[Iterable[Any]]:
    return isinstance(thing, Iterable) and not isinstance(thing, (str, bytes, Mapping, type))


def _counted(app: Application, wanted: Mapping[str, int]) -> dict[str, int]:
    """Return what [multi] says of the components there are; what else it says is among the faults already."""
    return {name: count for name, count in wanted.items() if name in app.components and count > 0}


def _replicas(app: Application, wanted: Mapping[Any, int], faults: list[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for key, count in wanted.items():  # a key is a class or a name
        name = _resolve(app, key, "replicas", faults)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            faults.append(f"replicas of {name or key}: {count!r}; expected a whole number from 1.")
        elif name is not None:
            counts[name] = count
    return counts


def _together(app: Application, wanted: Iterable[Iterable[str | type]], faults: list[str]) -> list[set[str]]:
    """Return disjoint sets of components that share a weavelet; lists that overlap are joined."""
    sets: list[set[str]] = []
    for keys in wanted:
        here = {name for key in keys if (name := _resolve(app, key, "colocate", faults)) is not None}
        touching = [known for known in sets if known & here]
        sets = [known for known in sets if not known & here] + [here.union(*touching)]
    return sets


def _groups(
    app: Application, counts: Mapping[str, int], together: list[set[str]], faults: list[str]
) -> tuple[Group, ...]:
    groups: list[Group] = []
    placed: set[str] = set()
    for name in app.components:
        if name in placed or app.components[name].is_fake:
            continue
        members = next((known for known in together if name in known), {name})
        ordered = tuple(name for name, spec in app.components.items() if name in members and not spec.is_fake)
        placed |= members
        wanted = {counts[component] for component in ordered if component in counts} or {1}
        if len(wanted) > 1:
            faults.append(
                f"colocated components {', '.join(ordered)} ask for {sorted(wanted)} replicas. "
                "Components that share a weavelet have one number of replicas: give it for one of them."
            )
        groups.append(Group(ordered[0], ordered, max(wanted)))
    return tuple(groups)


def _resolve(app: Application, key: str | type, where: str, faults: list[str]) -> str | None:
    try:
        return app.resolve(key).name
    except DeclarationError as error:
        faults += [f"{where}: {fault}" for fault in error.faults]
        return None
