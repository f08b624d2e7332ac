"""Groups of servers as people and programs read them: a listing, and what to write into weaver.toml. No passwords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from weaverlab.observe import text_table
from weaverlab.servers.control import ENVIRONMENT
from weaverlab.servers.group import Group
from weaverlab.servers.state import GroupState

_HEADERS = ("name", "primary", "replicas", "state", "lag", "until", "keeper")


def listing_text(states: Sequence[GroupState]) -> str:
    """Return a table with a line for each group."""
    return text_table(_HEADERS, [_row(state) for state in states])


def state_dict(state: GroupState) -> dict[str, Any]:
    """Return a line of the table as JSON-ready values."""
    return asdict(state)


def group_text(group: Group) -> str:
    """Return where the servers are, how late, the section of weaver.toml for them, and where the password is."""
    replicas = ", ".join(server.address for server in group.replicas)
    return "\n".join(
        [
            f"{group.name}: primary {group.primary.address}, {f'replicas {replicas}' if replicas else 'no replicas'}",
            *([f"Measured lag: {group.lag}"] if replicas else []),
            "",
            section_toml("posts", group.section(_regions(group))),
            "",
            f"To have the password:  . {group.folder / ENVIRONMENT}",
            f"To take it down:       weaverlab servers down {group.name}",
        ]
    )


def group_dict(group: Group) -> dict[str, Any]:
    """Return the same as JSON-ready values."""
    return {
        "name": group.name,
        "lag": asdict(group.lag) if group.replicas else None,
        "section": group.section(_regions(group)),
        "environment": str(group.folder / ENVIRONMENT),
    }


def section_toml(store: str, section: Mapping[str, Any]) -> str:
    """Return `section` of a group as the lines of [antipode.`store`]."""
    return "\n".join([f"[antipode.{store}]", *(f"{key} = {_toml(value)}" for key, value in section.items())])


def _regions(group: Group) -> list[str]:
    more = [f"region{number}" for number in range(3, len(group.replicas) + 2)]
    return ["eu", "us", *more][: len(group.replicas) + 1]


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"'  # names and addresses: nothing in them to be escaped


def _row(state: GroupState) -> tuple[object, ...]:
    primary, *replicas = state.servers
    return (
        state.name,
        primary.address,
        ", ".join(server.address for server in replicas) or None,
        _condition(state),
        state.lag,
        "taken down" if state.stays else "its program ends",
        state.pid,
    )


def _condition(state: GroupState) -> str:
    if state.stopped:
        return f"stopped: {', '.join(state.stopped)}"
    return "paused" if state.is_paused else "runs"
