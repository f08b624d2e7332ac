"""Which components does this notebook define now? Read from its namespace; nothing is started."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from weaverlab.component import registry
from weaverlab.component.declare import is_component
from weaverlab.errors import nearest


def components_in(namespace: Mapping[str, Any]) -> dict[str, type]:
    """Return the components that the notebook's cells define, by name, in their newest definitions.

    Not what it imports, nor abstract bases, nor a class of before its cell was run again that some other name holds.
    """
    here = namespace.get("__name__", "__main__")
    return {
        value.__name__: value
        for value in list(namespace.values())
        if is_component(value)
        and value.__module__ == here
        and registry.current(value) is value
        and not inspect.isabstract(value)
    }


def roots(names: Sequence[str], namespace: Mapping[str, Any], faults: list[str]) -> list[type]:
    """Return the components to deploy: those named, also imported ones, or else all that the notebook defines.

    What cannot be found is added to `faults`, each with the nearest name there is.
    """
    defined = components_in(namespace)
    if not names and not defined:
        faults.append(
            "this notebook defines no component. Define a class derived from weaverlab.Component, Implements or Main "
            "in a cell and run it, or name an imported one: %weaver deploy NAME"
        )
    if not names:
        return list(defined.values())
    found: list[type] = []
    for name in names:
        component = defined.get(name, namespace.get(name))
        if is_component(component):
            found.append(registry.current(component))
        elif name in namespace:
            faults.append(f"{name} is {_what(component)}, not a component.")
        else:
            known = [*defined, *(key for key, value in namespace.items() if is_component(value))]
            faults.append(
                f"there is no component {name!r} in this notebook.{nearest(name, known)} "
                f"It has: {', '.join(sorted(set(known))) or 'none'}."
            )
    return found


def _what(value: object) -> str:
    return f"the class {value.__qualname__}" if isinstance(value, type) else f"a {type(value).__name__}"
