"""An application as its author declared it, read from a file that is imported but not deployed.

From `app.py` what the classes say; from `weaver.toml` also where components are placed, how many replicas they have and
what their datastores are. Nothing is started.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaverlab import bundle
from weaverlab.component import Application, ComponentSpec, MethodSpec, build_application
from weaverlab.deployers.appfile import app_beside, load_components
from weaverlab.deployers.configfile import load_config
from weaverlab.deployers.look import store_info
from weaverlab.deployers.plan import Plan, make_plan
from weaverlab.observe import ComponentInfo, ListenerInfo, Snapshot, StoreInfo, text_table
from weaverlab.types import ReplicaInfo

_TITLES = ("component", "interface", "refs", "listeners", "datastores", "settings")


@dataclass(frozen=True)
class Blueprint:
    """What would be deployed. `snapshot` shows it as if it ran, so that it can be drawn in the same way."""

    app: Application
    version: str
    snapshot: Snapshot

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {
            "version": self.version,
            "components": [_component(spec) for spec in self.app.components.values()],
            "edges": [list(edge) for edge in self.app.edges()],
        }

    def __str__(self) -> str:
        specs = list(self.app.components.values())
        rows = [[value if isinstance(value, str) else " ".join(value) or "-" for value in _row(spec)] for spec in specs]
        methods = [(spec.name, f"{m['name']}{m['signature']}", _kind(m)) for spec in specs for m in _methods(spec)]
        tables = [text_table(_TITLES, rows), text_table(("component", "method", "kind"), methods)]
        return "\n\n".join([f"Version {self.version}", *tables])


def read_blueprint(path: Path) -> Blueprint:
    """Read an application from its Python file, or from the weaver.toml beside it.

    Raises:
        DeclarationError, ConfigError: all faults. Whatever the file raises when it is imported.
    """
    if path.suffix != ".toml":
        return blueprint_of(load_components(path))
    config = load_config(path)
    plan = make_plan(load_components(app_beside(path, config)), config)
    return _blueprint(plan.authored, _planned(plan), plan.regions, _stores(plan))


def blueprint_of(classes: list[type]) -> Blueprint:
    """Return the blueprint of some components and all that they reach, without a configuration."""
    app = build_application(classes)
    replicas = tuple(ReplicaInfo(f"{name}/0", (name,), 0, "", True, 0) for name in app.components)
    agents = sorted({agent for spec in app.components.values() for agent in spec.agents.values()})
    users = {agent: tuple(s.name for s in app.components.values() if agent in s.agents.values()) for agent in agents}
    return _blueprint(app, replicas, {}, tuple(StoreInfo(agent, "", users=users[agent]) for agent in agents))


def _blueprint(
    app: Application, replicas: tuple[ReplicaInfo, ...], regions: dict[str, str], stores: tuple[StoreInfo, ...]
) -> Blueprint:
    specs = list(app.components.values())
    version = bundle.build([spec.implementation for spec in specs]).version
    snapshot = Snapshot(
        deployment_id="",
        version=version,
        deployer="",
        state="stopped",
        components=tuple(ComponentInfo(spec.name, regions.get(spec.name, ""), spec.is_main) for spec in specs),
        replicas=replicas,
        edges=app.edges(),
        stores=stores,
        listeners=tuple(ListenerInfo(name, spec.name) for spec in specs for name in spec.listeners.values()),
    )
    return Blueprint(app, version, snapshot)


def _planned(plan: Plan) -> tuple[ReplicaInfo, ...]:
    """Return the weavelets that there would be."""
    return tuple(
        ReplicaInfo(replica, group.components, 0, "", True, 0)
        for group in plan.groups
        for replica in group.replica_ids()
    )


def _stores(plan: Plan) -> tuple[StoreInfo, ...]:
    specs = list(plan.authored.components.values())
    return tuple(store_info(store, specs) for store in plan.config.antipode.values())


def _component(spec: ComponentSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "interface": spec.interface.__name__,
        "is_main": spec.is_main,
        "methods": _methods(spec),
        "refs": dict(sorted(spec.refs.items())),
        "listeners": dict(sorted(spec.listeners.items())),
        "datastores": dict(sorted(spec.agents.items())),
        "settings": spec.config_class.__name__ if spec.config_class else None,
    }


def _methods(spec: ComponentSpec) -> list[dict[str, Any]]:
    return [
        {"name": m.name, "signature": _signature(m), "is_async": m.is_async, "is_retriable": m.retriable}
        for m in spec.methods
    ]


def _signature(method: MethodSpec) -> str:
    """Return parameters and result, with annotations as they are written, not as the strings that Python keeps."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(method.signature))


def _row(spec: ComponentSpec) -> tuple[str | list[str], ...]:
    facts = _component(spec)
    name = f"{spec.name} (main)" if spec.is_main else spec.name
    listed = [sorted(set(facts[kind].values())) for kind in ("refs", "listeners", "datastores")]
    return (name, facts["interface"], *listed, facts["settings"] or "-")


def _kind(method: dict[str, Any]) -> str:
    words = ["async"] * method["is_async"] + ["not retriable"] * (not method["is_retriable"])
    return ", ".join(words) or "-"
