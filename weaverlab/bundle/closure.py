"""From the classes of an application to all definitions of the notebook that they need.

Starting at the roots, every global name that a needed definition reads is needed, too. Each name is provided by
one or more *units*: a statement to run again, or a value to restore. The search is breadth first, so the path
kept for a name, and shown when it cannot be shipped, is a shortest one. Not in here: the order of the units.
"""

from __future__ import annotations

import ast
import builtins
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from weaverlab.bundle.names import Reads, root_name
from weaverlab.bundle.rules import is_dotted_name, makes_a_definition, only_builds
from weaverlab.bundle.statements import History, Statement
from weaverlab.bundle.values import References, Snapshot, Unshippable, snapshot
from weaverlab.component import Component, Implements, Interface, Main
from weaverlab.errors import nearest

# A module has these without any statement of ours.
_OF_EVERY_MODULE = frozenset(
    ("__name__", "__file__", "__package__", "__doc__", "__spec__", "__builtins__", "__annotations__")
)
# Implementations that nobody asked to deploy stay at home, although they derive from an interface that is needed.
_DEPLOYED_BY_NAME = (Interface, Implements, Component, Main)


@dataclass(eq=False)
class Unit:
    """Something to do in the child: run `statement` again or, if there is a `snapshot`, restore `names`."""

    names: set[str]
    position: int
    statement: Statement | None
    reads: Reads = field(default_factory=Reads)
    snapshot: Snapshot | None = None

    def binds(self, name: str) -> bool:
        """Tell whether this gives `name` its object, rather than changing the object (`Post.limit = 3`)."""
        return name in self.names and (self.statement is None or name in self.statement.binds)


class Closure:
    """Everything that some names need, found by `need()` and `search()`; `faults` says what cannot be shipped."""

    def __init__(self, namespace: dict[str, Any], history: History) -> None:
        self.namespace = namespace
        self.history = history
        self.module: str = namespace.get("__name__", "__main__")
        self.units: dict[object, Unit] = {}
        self.providers: dict[str, list[Unit]] = {}
        self.faults: dict[str, str] = {}
        self._references = References(namespace, list(history.names()))
        self._paths: dict[str, tuple[str, ...]] = {}
        self._queue: deque[str] = deque()
        self._undefined: dict[str, tuple[str, ...]] = {}

    def need(self, name: str, path: tuple[str, ...] = ()) -> None:
        """Ask for `name`; `path` names the places that led here, ending with the one that reads it."""
        if name in self._paths or name in _OF_EVERY_MODULE:
            return
        if name in self.namespace and not self._is_of_the_shell(name):
            self._paths[name] = (*path, name)
            self._queue.append(name)
        elif not hasattr(builtins, name):
            self._undefined.setdefault(name, (*path, name))

    def _is_of_the_shell(self, name: str) -> bool:
        """Tell whether a global only stands for a builtin: IPython puts an `open` of its own into every notebook."""
        return hasattr(builtins, name) and not self.history.chain(name)

    def search(self) -> None:
        """Provide everything asked for, and everything that this needs in turn."""
        while self._queue or self._need_subclasses():
            name = self._queue.popleft()
            for unit in self._provide(name):
                self._follow(name, unit.reads)
        assigned = {name for unit in self.units.values() for name in unit.reads.sets}
        for name, path in self._undefined.items():
            if name not in assigned:  # else some function declares it global and makes it in the child
                self._fault_undefined(name, path)

    def use_source(self, name: str) -> bool:
        """Change the unit of `name` from its value to its statement, if that may be run again."""
        statements = self._runnable(name, own_classes=True)
        old = self.providers[name][0]
        if not statements or old.names != {name}:
            return False
        needs = old.snapshot.needs if old.snapshot else {}
        del self.units[next(key for key, unit in self.units.items() if unit is old)]
        self.providers[name] = [self._source_unit(name, statement) for statement in statements]
        self.providers[name][0].reads.later.update(dict.fromkeys(needs, name))
        for unit in self.providers[name]:
            self._follow(name, unit.reads)
        return True

    def merge(self, units: list[Unit]) -> None:
        """Restore the values of `units` together, because they refer to each other."""
        names = set().union(*(unit.names for unit in units))
        self.units = {key: unit for key, unit in self.units.items() if unit not in units}
        merged = Unit(names, min(unit.position for unit in units), None)
        self.units[merged] = merged
        self.providers.update({name: [merged] for name in names})
        self._take_snapshot(merged)

    def _follow(self, name: str, reads: Reads) -> None:
        path = self._paths[name][:-1]
        for read, place in reads.all().items():
            self.need(read, (*path, place or name))
        for hint in sorted(reads.hints):
            if hint in self.namespace:
                self.need(hint, (*path, name))

    def _provide(self, name: str) -> list[Unit]:
        """Apply the rule of `rules` to one name."""
        chain = self.history.chain(name)
        binding = next((s for s in reversed(chain) if name in s.binds), None)
        value = self.namespace[name]
        if binding is not None and (
            binding.is_definition or binding.is_import or makes_a_definition(binding.value, value, self.module)
        ):
            units = self._source_units(name, chain)
        else:
            units = self._value_units(name, binding)
        self.providers[name] = units
        return units

    def _source_units(self, name: str, chain: list[Statement]) -> list[Unit]:
        if any(statement.is_import for statement in chain):  # a module's own state is not ours to repeat
            chain = [statement for statement in chain if name in statement.binds]
        return [self._change_unit(name, s) if name not in s.binds else self._source_unit(name, s) for s in chain]

    def _source_unit(self, name: str, statement: Statement) -> Unit:
        unit = self.units.setdefault(statement.position, Unit(set(), statement.position, statement, statement.reads))
        unit.names.add(name)
        return unit

    def _change_unit(self, name: str, statement: Statement) -> Unit:
        """Repeat `Post.limit = 3`; but for `Model.weights = train()` take the value that is there now."""
        if statement.is_definition or self._may_repeat(statement):
            return self._source_unit(name, statement)
        targets = [target for target in statement.targets if name in root_name(target)]
        unit = self.units[statement.position] = Unit(set(), statement.position, statement)
        if not targets or not all(is_dotted_name(target) for target in targets):
            self._fault_unrepeatable(name, statement)
            return unit
        values = {ast.unparse(t): attrgetter(ast.unparse(t).partition(".")[2])(self.namespace[name]) for t in targets}
        self._take_snapshot(unit, values)
        unit.reads.now[name] = name
        return unit

    def _may_repeat(self, statement: Statement) -> bool:
        if statement.nested:
            return False
        call = statement.value if isinstance(statement.node, ast.Expr) else None
        inputs = [*call.args, *(k.value for k in call.keywords)] if isinstance(call, ast.Call) else [statement.value]
        return all(value is None or only_builds(value, self.namespace) for value in inputs)

    def _value_units(self, name: str, binding: Statement | None) -> list[Unit]:
        """Take the value as it is now, together with the other names that the same statement bound."""
        key = ("value", binding.position if binding else name)
        position = binding.position if binding else -1
        unit = self.units.setdefault(key, Unit(set(), position, binding))
        unit.names.add(name)
        try:
            self._pickle(unit)
        except Unshippable as unshippable:
            unit.names.discard(name)
            if not unit.names:
                del self.units[key]
            statements = self._runnable(name)
            if statements and unshippable.may_be_built_again:
                return [self._source_unit(name, statement) for statement in statements]
            self._fault_unshippable(name, unshippable, binding)
            return []
        return [unit]

    def _runnable(self, name: str, own_classes: bool = False) -> list[Statement]:
        """Return the statements that made `name`, if all of them only build objects."""
        chain = [s for s in self.history.chain(name) if name in s.binds]
        return chain if all(only_builds(s.value, self.namespace, own_classes) for s in chain) else []

    def _take_snapshot(self, unit: Unit, values: Mapping[str, object] | None = None) -> None:
        try:
            self._pickle(unit, values)
        except Unshippable as unshippable:
            for name in values or sorted(unit.names):
                self._fault_unshippable(name, unshippable, unit.statement)

    def _pickle(self, unit: Unit, values: Mapping[str, object] | None = None) -> None:
        values = values or {name: self.namespace[name] for name in sorted(unit.names)}
        unit.snapshot = snapshot(values, self._references)
        unit.reads = Reads(now=unit.snapshot.needs, sets=unit.snapshot.sets)

    def _need_subclasses(self) -> bool:
        """Where a record is needed its subclasses are, too: they may be sent in its place."""
        for name in list(self.history.names()):
            value = self.namespace[name]
            if name in self._paths or not isinstance(value, type) or value.__module__ != self.module:
                continue
            for base in value.__mro__[1:]:
                base_name = self._references.name_of(base)
                if base_name in self._paths and not issubclass(base, _DEPLOYED_BY_NAME):
                    self.need(name, (base_name,))
                    return True
        return bool(self._queue)

    def _fault_undefined(self, name: str, path: tuple[str, ...]) -> None:
        reader = path[-2].partition(".")[0] if len(path) > 1 else name
        chain = self.history.chain(reader)
        known = [known for known in self.namespace if not known.startswith("_")]
        self.faults[name] = (
            f"{_where(chain[-1] if chain else None)}{name} is not defined in the notebook (any more), "
            f"but is needed: {' -> '.join(path)}.{nearest(name, known) or nearest(name, dir(builtins))}"
        )

    def _fault_unrepeatable(self, name: str, statement: Statement) -> None:
        text = ast.unparse(statement.node).partition("\n")[0]
        self.faults[text] = (
            f"{_where(statement)}`{text}` changes {name}, but may not run twice, in each process again.\n"
            f"     It is needed: {' -> '.join(self._paths[name])}.\n"
            f"     Do it in the body of {name}, or in `init` of a component."
        )

    def _fault_unshippable(self, name: str, unshippable: Unshippable, statement: Statement | None) -> None:
        verb = "holds" if unshippable.inside else "is"
        path = self._paths.get(name.partition(".")[0], (name,))
        component = path[0].partition(".")[0]
        attribute = name.rpartition(".")[2].lower()
        if name == "get_ipython":
            self.faults[name] = (
                "Magics, `!` and get_ipython() exist in the notebook only.\n"
                f"     They are used: {' -> '.join(path)}.\n"
                f"     Take them out of {path[-2]}."
            )
            return
        self.faults[name] = (
            f"{_where(statement)}{name} {verb} {unshippable.what}, which cannot be sent to another process.\n"
            f"     It is needed: {' -> '.join(path)}.\n"
            f"     Create it in `init` of {component} (self.{attribute} = ...), so that each process makes its own."
        )


def _where(statement: Statement | None) -> str:
    return f"{statement.cell.label}, line {statement.node.lineno}: " if statement else ""
