"""The order in which units are carried out: the notebook's own, corrected where cells were run again.

A unit comes after what it reads as it runs. It also comes after what the functions that it *calls* read, as far
as these names existed when the notebook ran it: a decorator may use a helper whose cell was run again later.
Not in here: which units there are (`closure`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weaverlab.bundle.closure import Closure, Unit


def ordered(closure: Closure) -> list[Unit]:
    """Return all units so that each finds what it needs. Values that need each other are merged on the way."""
    while True:
        cycle = _cycle_to_break(closure)
        if not cycle:
            return _sorted(closure)
        sources = [unit for unit in cycle if unit.snapshot is None]
        values = [unit for unit in cycle if unit.snapshot is not None and len(unit.names) == 1]
        if sources and any(closure.use_source(name) for unit in values for name in unit.names):
            closure.search()
        elif not sources:
            closure.merge(cycle)
        else:
            return _sorted(closure)  # no order is right: installing says which name is missing


def _sorted(closure: Closure) -> list[Unit]:
    placed: list[Unit] = []
    begun: set[Unit] = set()

    def place(unit: Unit) -> None:
        if unit in begun:
            return
        begun.add(unit)
        for needed in _direct(closure, unit):
            place(needed)
        for needed in _through_calls(closure, unit):
            if unit not in _reach(closure, [needed]):
                place(needed)
        placed.append(unit)

    for unit in sorted(closure.units.values(), key=lambda unit: unit.position):
        place(unit)
    return placed


def _cycle_to_break(closure: Closure) -> list[Unit]:
    """Return units that need each other as they run, among them a value; nothing when there are none."""
    for unit in closure.units.values():
        if unit.snapshot is None:
            continue
        before = _reach(closure, _direct(closure, unit))
        cycle = [other for other in before if unit in _reach(closure, _needed(closure, other))]
        if cycle and cycle != [unit]:
            return cycle if unit in cycle else [*cycle, unit]
    return []


def _direct(closure: Closure, unit: Unit) -> list[Unit]:
    """What must be there when the unit runs: what binds the names that it reads, and changes made to them before.

    For a name that the unit binds itself (`f = cached(f)`) this is what bound it before.
    """
    return [
        provider
        for name in unit.reads.now
        for provider in closure.providers.get(name, ())
        if provider.position < unit.position or (provider.binds(name) and not unit.binds(name))
    ]


def _through_calls(closure: Closure, unit: Unit) -> list[Unit]:
    """What the functions called by the unit may read, if it existed in the notebook by then."""
    seen: set[str] = set()
    names = list(unit.reads.called)
    found: list[Unit] = []
    while names:
        for provider in closure.providers.get(names.pop(), ()):
            for name in provider.reads.all():
                if name not in seen and closure.history.first_position(name) <= unit.position:
                    seen.add(name)
                    names.append(name)
                    found += closure.providers.get(name, ())
    return [provider for provider in found if provider is not unit]


def _needed(closure: Closure, unit: Unit) -> Iterator[Unit]:
    yield from _direct(closure, unit)
    yield from _through_calls(closure, unit)


def _reach(closure: Closure, units: Iterable[Unit]) -> list[Unit]:
    """Return `units` and all that must be there before them."""
    reached: dict[Unit, None] = {}
    waiting = list(units)
    while waiting:
        unit = waiting.pop()
        if unit not in reached:
            reached[unit] = None
            waiting.extend(_direct(closure, unit))
    return list(reached)
