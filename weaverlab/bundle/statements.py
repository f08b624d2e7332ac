"""The statements of all cells as one history: which of them made a global name what it is now.

Compound statements are taken apart. What an `if`, `try`, `with` or loop at the top of a cell defines is found
as a statement of its own, and of several candidates the one whose result is alive counts, so the test, the
context manager or the loop itself never has to run again. Not in here: whether a statement may be run again.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from weaverlab.bundle.cells import Cell, code_of
from weaverlab.bundle.names import Reads, reads_of_statement, root_name

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement of one cell; `position` counts through the whole history, `index` through its cell.

    A `nested` statement stands inside an `if`, a loop or the like: it may have run once, often, or never.
    """

    cell: Cell
    cell_index: int
    index: int
    position: int
    node: ast.stmt
    nested: bool

    @property
    def is_definition(self) -> bool:
        return isinstance(self.node, _DEFINITIONS)

    @property
    def is_import(self) -> bool:
        return isinstance(self.node, _IMPORTS)

    @property
    def value(self) -> ast.expr | None:
        """The right-hand side of an assignment, or the call that is the statement."""
        return self.node.value if isinstance(self.node, (*_ASSIGNMENTS, ast.Expr)) else None

    @property
    def targets(self) -> list[ast.expr]:
        """The left-hand sides of an assignment, one by one."""
        if isinstance(self.node, (ast.AugAssign, ast.AnnAssign)):
            return [self.node.target]
        targets = self.node.targets if isinstance(self.node, (ast.Assign, ast.Delete)) else []
        return [single for target in targets for single in _single_targets(target)]

    @cached_property
    def binds(self) -> frozenset[str]:
        return frozenset(_stored(self.node))

    @cached_property
    def modifies(self) -> frozenset[str]:
        """Names whose object this statement changes in place: `Post.limit = 3`, `@show.register`."""
        return frozenset(_modified(self.node, self.targets))

    @cached_property
    def reads(self) -> Reads:
        return reads_of_statement(self.node, self.cell.flags, min(self.binds, default=""))

    def is_source_of(self, name: str, namespace: Mapping[str, Any], known_files: frozenset[str]) -> bool:
        """Tell whether this statement can have made the value that `name` has now."""
        value = namespace[name]
        if isinstance(self.node, _IMPORTS):
            return _import_gives(self.node, name, value)
        if not isinstance(self.node, _DEFINITIONS) or (self.node.decorator_list and not self.nested):
            return True  # nothing to compare: a decorator may return anything
        if getattr(value, "__module__", None) != namespace.get("__name__"):
            return False
        places = [(code.co_filename, code.co_firstlineno) for code in code_of(value)]
        places = [place for place in places if place[0] in known_files]
        first = min([self.node.lineno, *(decorator.lineno for decorator in self.node.decorator_list)])
        last = self.node.end_lineno or first
        return not places or any(name == self.cell.filename and first <= line <= last for name, line in places)


class History:
    """All statements in order of execution, searchable by the global name they bind or modify."""

    def __init__(self, cells: Sequence[Cell], namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace
        self._files = frozenset(cell.filename for cell in cells)
        self._by_name: dict[str, list[Statement]] = {}
        position = 0
        for cell_index, cell in enumerate(cells):
            at_the_top = set(tree := ast.parse(cell.source).body)
            for index, node in enumerate(_flat(tree)):
                statement = Statement(cell, cell_index, index, position, node, node not in at_the_top)
                position += 1
                for name in statement.binds | statement.modifies:
                    self._by_name.setdefault(name, []).append(statement)

    def names(self) -> Iterator[str]:
        """Yield the names that a statement binds and that are alive."""
        for name, statements in self._by_name.items():
            if name in self._namespace and any(name in statement.binds for statement in statements):
                yield name

    def first_position(self, name: str) -> int:
        return self._by_name[name][0].position if name in self._by_name else -1

    def chain(self, name: str) -> list[Statement]:
        """Return the statements that made `name`, in order: its last definition, then what changed it since.

        A statement that rebinds the name from its own old value (`f = cached(f)`) needs the one before, too.
        Empty when the value has no source.
        """
        chain: list[Statement] = []
        rebound = False
        for statement in reversed(self._by_name.get(name, [])):
            if name not in statement.binds:
                chain.append(statement)
            elif isinstance(statement.node, ast.AugAssign) or (name in statement.reads.now and not statement.is_import):
                chain.append(statement)
                rebound = True
            elif rebound or statement.is_source_of(name, self._namespace, self._files):
                return [*self._submodule_imports(name, statement), statement, *reversed(chain)]
        return []

    def _submodule_imports(self, name: str, chosen: Statement) -> list[Statement]:
        """Return the statements that add to a package: `import a.b` and `import a.c` both bind `a`."""
        if not isinstance(chosen.node, ast.Import):
            return []
        others = [statement for statement in self._by_name[name] if statement is not chosen]
        return [statement for statement in others if _imports_submodule(statement.node, name)]


def statements_in(source: str) -> Iterator[ast.stmt]:
    """Yield every statement that runs at the top level, a compound one before the statements inside it."""
    return _flat(ast.parse(source).body)


def _flat(block: Sequence[ast.AST]) -> Iterator[ast.stmt]:
    for node in block:
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, _DEFINITIONS):
            for field in _BLOCKS:
                inner = getattr(node, field, None)
                yield from _flat(inner if isinstance(inner, list) else [])


def _stored(node: ast.AST) -> Iterator[str]:
    """Yield the global names that a statement binds by itself, without the statements inside it."""
    if isinstance(node, _DEFINITIONS):
        yield node.name
    elif isinstance(node, _IMPORTS):
        yield from (bound for alias in node.names for bound in _alias_names(node, alias))
    elif isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Store):
            yield node.id
    elif isinstance(node, _COMPREHENSIONS):  # only := leaves a comprehension
        yield from (part.target.id for part in ast.walk(node) if isinstance(part, ast.NamedExpr))
    elif not isinstance(node, ast.Lambda) and not (isinstance(node, ast.AnnAssign) and node.value is None):
        if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            yield node.name
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.match_case):
                yield from _stored(child.pattern)
            elif not isinstance(child, (ast.stmt, ast.ExceptHandler)):
                yield from _stored(child)


def _alias_names(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> Iterator[str]:
    if alias.name != "*":
        yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.ImportFrom) and node.module in sys.modules:
        module = sys.modules[node.module]
        yield from getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]


def _single_targets(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Starred):
        target = target.value
    if isinstance(target, (ast.Tuple, ast.List)):
        for element in target.elts:
            yield from _single_targets(element)
    else:
        yield target


def _modified(node: ast.stmt, targets: Sequence[ast.expr]) -> Iterator[str]:
    if isinstance(node, _DEFINITIONS):  # @show.register, @App.route("/")
        called = (d.func if isinstance(d, ast.Call) else d for d in node.decorator_list)
        targets = [decorator for decorator in called if isinstance(decorator, ast.Attribute)]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if isinstance(call.func, ast.Attribute) and call.func.attr == "register":  # Base.register(Other)
            targets = [call.func]
        elif isinstance(call.func, ast.Name) and call.func.id == "setattr" and call.args:
            yield from root_name(call.args[0])
    for target in targets:
        if isinstance(target, (ast.Attribute, ast.Subscript)):
            yield from root_name(target)


def _imports_submodule(node: ast.stmt, package: str) -> bool:
    aliases = node.names if isinstance(node, ast.Import) else []
    dotted = [alias.name for alias in aliases if alias.asname is None]
    return any(name.startswith(f"{package}.") and name in sys.modules for name in dotted)


def _import_gives(node: ast.Import | ast.ImportFrom, name: str, value: object) -> bool:
    """Tell whether this import binds `name` to `value`, judged by the modules loaded already."""
    missing = object()
    for alias in node.names:
        if name not in _alias_names(node, alias):
            continue
        if isinstance(node, ast.Import):
            found = sys.modules.get(alias.name if alias.asname else name, missing)
        elif node.level:
            return True  # relative: only the import itself knows its package
        else:
            attribute = name if alias.name == "*" else alias.name
            module = sys.modules.get(node.module or "")
            found = getattr(module, attribute, sys.modules.get(f"{node.module}.{attribute}", missing))
        if found is value:
            return True
    return False
