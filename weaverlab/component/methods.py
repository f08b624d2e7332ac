"""What a component can be asked to do: the methods of interfaces, and whether implementations have the same ones.

Names that start with an underscore are the author's own business and never looked at.
"""

from __future__ import annotations

import inspect
from functools import cached_property
from typing import Any, Generic

from weaverlab.component.annotations import is_class, marker_of, own_annotations, parts, resolve
from weaverlab.component.application import MethodSpec
from weaverlab.component.declare import FILLED, FRAMEWORK, is_component, is_interface
from weaverlab.component.marshal import AutoMarshal
from weaverlab.component.shapes import Method, faults_of_stream, shape_of
from weaverlab.component.travel import faults_of_record
from weaverlab.errors import nearest

LIFE_CYCLE = ("init", "shutdown")


def interface_methods(interface: type) -> tuple[dict[str, Method], list[str]]:
    """Return the methods of an interface (or of a component that is its own), and what is wrong with them."""
    owns = is_component(interface)
    methods: dict[str, Method] = {}
    faults: list[str] = []
    for name, (owner, member) in sorted(public_members(interface).items()):
        where = f"{interface.__name__}.{name}"
        if owns and name in (*LIFE_CYCLE, *FILLED):
            continue  # checked as what they are, in `declaration`
        if name in (*LIFE_CYCLE, *FILLED):
            faults.append(f"{where}: `{name}` is reserved for WeaverLab; an interface must call its method otherwise.")
        elif isinstance(member, (property, cached_property, classmethod, staticmethod)):
            if is_component(owner) or is_interface(owner):
                faults.append(
                    f"{where}: is a {type(member).__name__}, but callers can only use plain methods, `def` or "
                    f"`async def` with `self`. Make it one{', or call it `_' + name + '`' if owns else ''}."
                )
        elif callable(member) and not isinstance(member, type) and not marker_of(member):
            methods[name] = member
            faults += _faults_of_shape(where, member, owner)
    if not owns:
        faults += _faults_of_data(interface)
    return methods, faults


def faults_of_implementation(implementation: type, interface: type, methods: dict[str, Method]) -> list[str]:
    """Return how `implementation` differs from the `methods` of `interface`."""
    faults = []
    members, promises = public_members(implementation), public_members(interface)
    own = {name for name, (owner, member) in members.items() if not is_interface(owner) and callable(member)}
    for name, promised in methods.items():
        where = f"{implementation.__name__}.{name}"
        shape = shape_of(promised, promises[name][0])
        if name not in own:
            faults.append(
                f"{implementation.__name__}: method {name!r} of interface {interface.__name__} is missing."
                f"{nearest(name, own - set(methods))} Expected {shape.example(name + shown(promised))}."
            )
            continue
        owner, written = members[name]
        written_shape = shape_of(written, owner)
        if written_shape is not shape:
            whole = " and return a list" if written_shape.streams and not shape.streams else ""
            faults.append(
                f"{where}: is {written_shape.value}, but interface {interface.__name__} says {shape.value}. "
                f"Write {shape.example(name + shown(promised))}{whole}, or change the interface."
            )
        elif parameters_of(written) != parameters_of(promised):
            faults.append(
                f"{where}: takes {shown(written)}, but interface {interface.__name__} says {shown(promised)}; "
                "names, kinds and defaults must be the same."
            )
        faults += faults_of_stream(where, written, owner)
    return faults


def faults_of_life_cycle(cls: type, name: str) -> list[str]:
    """Return what is wrong with `init`, `shutdown` or `main` of a component: they take nothing and return."""
    member = public_members(cls)[name][1]
    where = f"{cls.__name__}.{name}"
    if not inspect.isfunction(member):
        return [f"{where}: must be a method, `def {name}(self)` or `async def {name}(self)`."]
    faults = []
    if inspect.isgeneratorfunction(member) or inspect.isasyncgenfunction(member):
        faults.append(f"{where}: uses `yield`, but nobody reads a stream from it. Write it without.")
    required = len(inspect.signature(member).parameters)
    if required != 1:
        faults.append(
            f"{where}: takes {shown(member)}, but WeaverLab calls it without arguments: write `{_def(member)} "
            f"{name}(self)`. What it needs comes from `self`: refs, config, listeners."
        )
    return faults


def method_spec(interface: type, name: str, written: Method, *, once: bool = False) -> MethodSpec:
    """Return the facts callers need about a method; a mark on the interface or on the implementation counts."""
    owner, promised = public_members(interface)[name]
    signature = inspect.signature(promised)
    marked = any(getattr(method, "__weaver_not_retriable__", False) for method in (promised, written))
    return MethodSpec(
        name=name,
        shape=shape_of(promised, owner),
        retriable=not (marked or once),
        signature=signature.replace(parameters=list(signature.parameters.values())[1:]),
    )


def public_names(cls: type) -> set[str]:
    """Return the public attributes that the author's own classes define."""
    return set(public_members(cls))


def public_members(cls: type) -> dict[str, tuple[type, Any]]:
    """Return name -> (defining class, raw attribute) of what authors wrote in `cls` and its bases."""
    members = {}
    for owner in reversed(cls.__mro__):
        if owner in FRAMEWORK or owner is Generic:
            continue
        members.update({name: (owner, value) for name, value in vars(owner).items() if not name.startswith("_")})
    return members


def required_arguments(cls: type) -> list[str]:
    """Return what must be passed to make an instance of `cls`."""
    if cls.__init__ is object.__init__:  # type: ignore[misc]
        return []
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in variable]


def parameters_of(method: Method) -> list[tuple[str, str, str]]:
    """Return (name, kind, default) of each parameter but `self`, in a form that compares across re-run cells."""
    return [
        (
            parameter.name,
            parameter.kind.description,
            ""
            if parameter.default is parameter.empty
            else f"{type(parameter.default).__qualname__} {parameter.default!r}",
        )
        for parameter in list(inspect.signature(method).parameters.values())[1:]
    ]


def shown(method: Method) -> str:
    """Return the parameters of `method` as source, without annotations."""
    signature = inspect.signature(method)
    bare = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def header(name: str, method: Method) -> str:
    """Return the line that begins a method `name` like `method`."""
    return f"{_def(method)} {name}{shown(method)}"


def _faults_of_shape(where: str, method: Method, owner: type) -> list[str]:
    try:
        parameters = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):
        return [f"{where}: has no signature that Python can tell; write it with `def`."]
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        return [f"{where}: its first parameter must be `self`."]
    return faults_of_stream(where, method, owner) + _faults_of_records(method, owner)


def _faults_of_records(method: Method, owner: type) -> list[str]:
    """Look again at the records of a signature: what they mention may have been defined after them."""
    faults = []
    for written in getattr(method, "__annotations__", {}).values():
        try:
            mentioned = list(parts(resolve(written, owner)))
        except Exception:  # annotations of methods are the author's
            continue
        for record in mentioned:
            if is_class(record) and issubclass(record, AutoMarshal):
                faults += faults_of_record(record)
    return faults


def _faults_of_data(interface: type) -> list[str]:
    return [
        f"{interface.__name__}.{name}: is a data attribute, but an interface has methods only. Make it a method."
        for base in interface.__mro__
        if is_interface(base)
        for name, annotation in own_annotations(base).items()
        if not name.startswith("_") and "ClassVar" not in str(annotation)
    ]


def _def(method: Method) -> str:
    return "async def" if inspect.iscoroutinefunction(method) else "def"
