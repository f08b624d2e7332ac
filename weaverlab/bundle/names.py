"""Which global names a piece of code reads, and when: as it is defined, or later when it is called.

Bytecode knows the scopes exactly, so names come from there; only annotations and quoted types are read from
the syntax tree, because the compiler drops them. Not in here: what the names are bound to.
"""

from __future__ import annotations

import ast
import dis
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType

_LOADS = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
# Calls whose string arguments name types.
_QUOTING = {"TypeVar", "NewType", "cast", "ForwardRef"}


@dataclass
class Reads:
    """Global names that a statement reads, each with the place that reads it (`Reader.fetch`).

    now:    needed when the statement runs (bases, decorators, defaults, class bodies, right-hand sides)
    later:  needed when a function it defines is called
    hints:  named in annotations and quoted types only: shipped when they exist, no fault when they do not
    called: of `now`, the names that are called or decorate, so that their bodies run as well
    sets:   assigned by a function that declares them `global`
    """

    now: dict[str, str] = field(default_factory=dict)
    later: dict[str, str] = field(default_factory=dict)
    hints: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    sets: set[str] = field(default_factory=set)

    def all(self) -> dict[str, str]:
        return {**self.later, **self.now}


def reads_of_statement(node: ast.stmt, flags: int, place: str) -> Reads:
    reads = Reads(hints=set(_hinted(node)), called=set(_called(node)))
    module = ast.Module([node], [])
    code = compile(module, "<slice>", "exec", flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    _scan(code, "", True, reads, default=place)
    return reads


def reads_of_code(code: CodeType, place: str) -> Reads:
    """Return what a function reads when it is called; for functions that travel by value."""
    reads = Reads()
    _scan(code, place, False, reads, default=place)
    return reads


def _scan(code: CodeType, place: str, runs_now: bool, reads: Reads, default: str) -> None:
    stored: set[str] = set()
    for instruction in dis.get_instructions(code):
        name = instruction.argval
        if instruction.opname in _LOADS and name not in stored:
            (reads.now if runs_now else reads.later).setdefault(name, place or default)
        elif instruction.opname == "STORE_NAME":
            stored.add(name)
        elif instruction.opname == "STORE_GLOBAL":
            reads.sets.add(name)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            _scan(inner, _place_in(code, place, inner), runs_now and _runs_with_its_parent(inner), reads, default)


def _runs_with_its_parent(code: CodeType) -> bool:
    """Class bodies, comprehensions and type parameter scopes run at once; functions and lambdas do not."""
    is_class_body = not code.co_flags & inspect.CO_OPTIMIZED
    return is_class_body or (code.co_name.startswith("<") and code.co_name != "<lambda>")


def _place_in(outer: CodeType, place: str, inner: CodeType) -> str:
    """Name the place for a reader: a function inside a method counts as that method."""
    inside_a_function = bool(outer.co_flags & inspect.CO_OPTIMIZED) and not outer.co_name.startswith("<")
    if inside_a_function or inner.co_name.startswith("<"):
        return place
    return f"{place}.{inner.co_name}" if place else inner.co_name


def _hinted(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, (ast.arg, ast.AnnAssign)) and part.annotation is not None:
            yield from _type_names(part.annotation)
        elif isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and part.returns is not None:
            yield from _type_names(part.returns)
        elif isinstance(part, ast.Subscript):
            yield from _quoted(part.slice)
        elif isinstance(part, ast.Call) and _last_name(part.func) in _QUOTING:
            for argument in (*part.args, *(keyword.value for keyword in part.keywords)):
                yield from _quoted(argument)


def _type_names(annotation: ast.expr) -> Iterator[str]:
    yield from (part.id for part in ast.walk(annotation) if isinstance(part, ast.Name))
    yield from _quoted(annotation)


def _quoted(expression: ast.expr) -> Iterator[str]:
    for part in ast.walk(expression):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            try:
                tree = ast.parse(part.value, mode="eval")
            except (SyntaxError, ValueError):
                continue
            yield from (name.id for name in ast.walk(tree) if isinstance(name, ast.Name))


def _called(node: ast.AST) -> Iterator[str]:
    """Yield the names whose functions run while the statement runs."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        for decorator in node.decorator_list:
            yield from root_name(decorator)
        if isinstance(node, ast.ClassDef):
            for base in (*node.bases, *(keyword.value for keyword in node.keywords)):
                yield from root_name(base)  # __init_subclass__, metaclasses
            for inner in node.body:
                yield from _called(inner)
        else:
            for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
                yield from _called(default)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Call):
        yield from root_name(node.func)
    for child in ast.iter_child_nodes(node):
        yield from _called(child)


def root_name(expression: ast.expr) -> Iterator[str]:
    """Yield `a` for `a`, `a.b`, `a[0].c` and `a.b(...)`; nothing for an expression without such a root."""
    while isinstance(expression, (ast.Attribute, ast.Subscript, ast.Call)):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    if isinstance(expression, ast.Name):
        yield expression.id


def _last_name(expression: ast.expr) -> str:
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""
