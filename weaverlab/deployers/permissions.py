"""Which components a weavelet may call, from what the classes declare. Pure: `runtime.permissions` enforces it."""

from __future__ import annotations

from weaverlab.component import Application, ComponentSpec
from weaverlab.deployers.plan import Plan
from weaverlab.runtime.calling import BRANCH_HOST, CONTROL
from weaverlab.stores import EmbeddedStores


def permissions(plan: Plan, deployer: str) -> dict[str, frozenset[str]]:
    """Return the names of the components that each colocation group may call, by the group's name.

    A weavelet speaks for all of its group, so a group may call what any of its components has a ref to. Where one has
    an agent it may call the embedded stores, and ask every weavelet about its branches. `deployer` is the weavelet that
    whoever deploys calls from: it may call everything, and it alone may ask a weavelet how it is, or to stop.
    """
    components = plan.app.components
    by_group = {
        group.name: frozenset(callee for name in group.components for callee in _callees(components[name], plan.app))
        for group in plan.groups
    }
    return by_group | {deployer: frozenset({*components, CONTROL.name})}


def _callees(spec: ComponentSpec, app: Application) -> set[str]:
    stores = {EmbeddedStores.__name__} & set(app.components)
    return {*spec.refs.values(), *(stores | {BRANCH_HOST.name} if spec.agents else ())}
