"""Names in weaver.toml against what an application declares: a typo must not be silently ignored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from weaverlab.config.reading import SECTIONS, noting, section
from weaverlab.config.values import Config
from weaverlab.errors import ConfigError, nearest


def faults_of_names(
    config: Config,
    components: Collection[str],
    listeners: Collection[str],
    agents: Collection[str],
    config_classes: Mapping[str, type | None],
) -> list[str]:
    """Return every fault in how `config` fits the application that declares these names.

    Args:
        components, listeners, agents: names that the application declares.
        config_classes: component name -> its WithConfig class; without one (or None) it takes no section.
    """
    faults: list[str] = []
    _check_placement(config, components, faults)
    _check_listeners(config, listeners, faults)
    _check_agents(config, agents, faults)
    _check_passwords(config, faults)
    _check_sections(config, components, config_classes, faults)
    return faults


def _check_placement(config: Config, components: Collection[str], faults: list[str]) -> None:
    for where, key, name in _placed(config):
        if name not in components:
            noting(faults, config.source, where)(key, _unknown(name, "component", components))


def _placed(config: Config) -> Iterator[tuple[str, str, str]]:
    for name in config.multi.replicas:
        yield "multi", "replicas", name
    for group in config.multi.colocate:
        for name in group:
            yield "multi", "colocate", name
    for region, names in config.regions.items():
        for name in names:
            yield "regions", region, name


def _check_listeners(config: Config, listeners: Collection[str], faults: list[str]) -> None:
    for name in sorted({*config.multi.listeners, *config.single.listeners} - set(listeners)):
        sections = [s for s, own in (("multi", config.multi), ("single", config.single)) if name in own.listeners]
        where = "listeners" if len(sections) == 2 else f"{sections[0]}.listeners"
        noting(faults, config.source, where)(name, _unknown(name, "listener", listeners))


def _check_agents(config: Config, agents: Collection[str], faults: list[str]) -> None:
    for name in config.antipode:
        if name not in agents:
            noting(faults, config.source, f"antipode.{name}")("", _unknown(name, "datastore agent", agents))
    for name in sorted(set(agents) - set(config.antipode)):
        noting(faults, config.source, f"antipode.{name}")(
            "",
            f"missing: the application has a datastore agent {name!r}.{nearest(name, config.antipode)} "
            'Add the section with a type, such as type = "embedded-kv"',
        )


def _check_passwords(config: Config, faults: list[str]) -> None:
    for name, store in config.antipode.items():
        variable = store.servers.password_variable if store.servers else ""
        if variable and not config.environ.get(variable):
            note = noting(faults, config.source, f"antipode.{name}")
            note("password", f"the environment variable {variable} is not set")


def _check_sections(
    config: Config, components: Collection[str], config_classes: Mapping[str, type | None], faults: list[str]
) -> None:
    for name in config.components:
        note = noting(faults, config.source, name)
        if name not in components:
            hint = nearest(name, [*components, *SECTIONS])
            note("", f"is neither a component of this application nor a section of WeaverLab.{hint}")
        elif not config_classes.get(name):
            note("", f"{name} takes no configuration. Derive it from WithConfig[YourDataclass] to give it some")
    for name, cls in config_classes.items():
        if cls is not None:
            try:
                section(config, name, cls)
            except ConfigError as error:
                faults += error.faults


def _unknown(name: str, kind: str, known: Collection[str]) -> str:
    names = ", ".join(sorted({*known})) or "none"
    return f"{name!r} is no {kind} of this application.{nearest(name, known)} It has: {names}"
