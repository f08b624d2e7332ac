"""The lanes of a space-time diagram: one for each component, and one for each store in each region, by region.

Components come in the order of their first events. The stores of the first region lie below its components, those
of the regions after it above theirs, so that replication goes from one store lane to the next over a short way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weaverlab.history import Applied, Delivered, Event, Invoked, Observed, Wrote

STORE_EVENTS = (Wrote, Applied, Observed, Delivered)
_LANE_HEIGHT = 40.0
_GROUP_HEAD = 20.0  # room for the region's name
_GROUP_GAP = 8.0


@dataclass(frozen=True)
class Lane:
    """A horizontal line through `y` for one component, or one store, in one region."""

    name: str
    region: str
    is_store: bool
    y: float


@dataclass(frozen=True)
class Group:
    """The area of one region, from `top` to `bottom`."""

    region: str
    top: float
    bottom: float


class Lanes:
    """Every lane of one request, from `top` downwards. A lane that was never seen is None, never an error."""

    def __init__(self, events: Sequence[Event], top: float) -> None:
        self._lanes: dict[tuple[str, str, bool], Lane] = {}
        self.groups: list[Group] = []
        self.bottom = top
        components, stores = _keys(events)
        regions = list(dict.fromkeys(region for _, region in [*components, *stores]))
        regions.sort(key=lambda region: region != "")  # stable: no region first, the others as they appear
        store_order = list(dict.fromkeys(name for name, _ in stores))  # alike everywhere: arrows run side by side
        first_with_stores = next((region for region in regions if any(r == region for _, r in stores)), None)
        for region in regions:
            its_components = [(name, False) for name, where in components if where == region]
            its_stores = [(name, True) for name in store_order if (name, region) in stores]
            ordered = its_components + its_stores if region == first_with_stores else its_stores + its_components
            self._add_group(region, ordered)

    def component(self, name: str, region: str | None = None) -> Lane | None:
        """Return the lane of a component, in `region` if it has one there."""
        if lane := self._lanes.get((name, region or "", False)):
            return lane
        return next((lane for lane in self if lane.name == name and not lane.is_store), None)

    def store(self, name: str, region: str) -> Lane | None:
        """Return the lane of a store in `region`."""
        return self._lanes.get((name, region, True))

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def _add_group(self, region: str, members: Sequence[tuple[str, bool]]) -> None:
        head = _GROUP_HEAD if region else 4.0
        top = self.bottom
        for i, (name, is_store) in enumerate(members):
            y = top + head + (i + 0.5) * _LANE_HEIGHT
            self._lanes[name, region, is_store] = Lane(name, region, is_store, y)
        bottom = top + head + len(members) * _LANE_HEIGHT + 4
        self.groups.append(Group(region, top, bottom))
        self.bottom = bottom + _GROUP_GAP


def _keys(events: Sequence[Event]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return (name, region) of all components and of all stores, each in the order of first appearance."""
    components: dict[tuple[str, str], None] = {}
    stores: dict[tuple[str, str], None] = {}
    for event in events:
        if isinstance(event, STORE_EVENTS):
            stores.setdefault((event.store, event.region))
        if event.component and not isinstance(event, Applied):  # what applies a write is the store itself
            components.setdefault((event.component, event.region))
    known = {name for name, _ in components}
    for event in events:
        if isinstance(event, Invoked) and event.callee not in known:  # its own events are lost
            components.setdefault((event.callee, ""))
    return list(components), list(stores)
