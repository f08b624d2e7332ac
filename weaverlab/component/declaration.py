"""One component class, read and checked by itself: its interface, methods, fields and configuration.

How components fit together (which one a ref means, cycles, unique names) is not in here: see `build`.
"""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass, field
from typing import Any, get_args

from weaverlab.component import registry
from weaverlab.component.annotations import (
    Unknown,
    as_written,
    is_class,
    marker_of,
    newest,
    own_annotations,
    parts,
    resolve,
    visible_names,
)
from weaverlab.component.application import MethodSpec
from weaverlab.component.declare import (
    FILLED,
    FRAMEWORK,
    Component,
    Implements,
    Interface,
    Main,
    WithConfig,
    WithRouter,
    interface_of,
    is_component,
    is_interface,
    type_argument,
)
from weaverlab.component.fields import Listener
from weaverlab.component.methods import (
    LIFE_CYCLE,
    faults_of_implementation,
    faults_of_life_cycle,
    interface_methods,
    method_spec,
    public_names,
    required_arguments,
)
from weaverlab.component.router import read_routing
from weaverlab.errors import nearest

_ABSENT = object()
_MARKERS = ("Ref", "Listener", "Antipode")


@dataclass
class Declaration:
    """What one component class declares; `refs` still name classes, not components. `faults` says what is wrong."""

    cls: type
    interface: type
    methods: tuple[MethodSpec, ...] = ()
    refs: dict[str, type] = field(default_factory=dict)
    listeners: dict[str, str] = field(default_factory=dict)
    agents: dict[str, str] = field(default_factory=dict)
    config_class: type | None = None
    router: type | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.cls.__name__

    @property
    def is_main(self) -> bool:
        return issubclass(self.cls, Main)


def read(cls: type) -> Declaration:
    """Return what component `cls` declares, with every fault in it."""
    declaration = Declaration(cls, cls)
    _read_interface(declaration)
    _read_methods(declaration)
    _read_router(declaration)
    _read_construction(declaration)
    _read_config(declaration)
    _read_fields(declaration)
    return declaration


def _read_interface(declaration: Declaration) -> None:
    cls = declaration.cls
    if not issubclass(cls, Implements) and issubclass(cls, Interface):
        declaration.faults.append(
            f"{cls.__name__}: derives from an interface and from {_base_of(cls)}, which is its own interface. "
            "Derive from Implements[TheInterface] instead."
        )
    interface = interface_of(cls)
    if interface is cls or is_interface(interface):
        declaration.interface = interface
    else:
        name = str(getattr(interface, "__name__", interface))
        known = {known.__name__ for known in registry.registered() if is_interface(known)}
        declaration.faults.append(f"{cls.__name__}: Implements[{name}] names no interface.{nearest(name, known)}")


def _read_methods(declaration: Declaration) -> None:
    cls, interface = declaration.cls, declaration.interface
    methods, faults = interface_methods(interface)
    declaration.faults += faults
    if interface is not cls:
        declaration.faults += faults_of_implementation(cls, interface, methods)
    if not faults:
        declaration.methods = tuple(
            method_spec(interface, name, getattr(cls, name, promised), once=declaration.is_main and name == "main")
            for name, promised in sorted(methods.items())
        )


def _read_router(declaration: Declaration) -> None:
    if not issubclass(declaration.cls, WithRouter):
        return
    routing = read_routing(declaration.cls)
    declaration.faults += routing.faults.certain + routing.faults.undefined
    declaration.router = routing.router
    declaration.methods = tuple(
        dataclasses.replace(method, key_type=routing.key_types.get(method.name)) for method in declaration.methods
    )


def _read_construction(declaration: Declaration) -> None:
    cls, faults, names = declaration.cls, declaration.faults, public_names(declaration.cls)
    if declaration.is_main and "main" not in names:
        faults.append(f"{cls.__name__}: is a Main without a body.{nearest('main', names)} Write `def main(self)`.")
    life_cycle = (*LIFE_CYCLE, "main") if declaration.is_main else LIFE_CYCLE
    for name in life_cycle:
        if name in names:
            faults += faults_of_life_cycle(cls, name)
    annotated = {name for base in _authors_bases(cls) for name in own_annotations(base)}
    for name in FILLED:
        if name in names or name in annotated:
            faults.append(f"{cls.__name__}.{name}: `{name}` is filled by WeaverLab; choose another name for your own.")
    if required := required_arguments(cls):
        faults.append(
            f"{cls.__name__}.__init__: requires {', '.join(required)}, but WeaverLab makes components without "
            "arguments. Declare what it needs as refs, listeners or config, and use it in `def init(self)`."
        )
    if inspect.isabstract(cls):
        absent = ", ".join(sorted(cls.__abstractmethods__))  # type: ignore[attr-defined]
        faults.append(f"{cls.__name__}: is abstract (not defined: {absent}), so no instance of it can be made.")


def _read_config(declaration: Declaration) -> None:
    cls = declaration.cls
    if not issubclass(cls, WithConfig):
        return
    config = resolve(type_argument(cls, WithConfig), cls)
    config = newest(config) if is_class(config) else config
    if is_class(config) and dataclasses.is_dataclass(config):
        declaration.config_class = config
        return
    written = config.name if isinstance(config, Unknown) else getattr(config, "__name__", str(config))
    hint = nearest(written, visible_names(cls)) if isinstance(config, Unknown) else " Put @dataclass above it."
    declaration.faults.append(f"{cls.__name__}: WithConfig[{written}] needs a dataclass.{hint}")


def _read_fields(declaration: Declaration) -> None:
    for base in reversed(_authors_bases(declaration.cls)):
        annotations = own_annotations(base)
        for name, annotation in annotations.items():
            try:
                meaning = resolve(annotation, base)
            except Exception as error:
                where = f"{declaration.name}.{name}"
                declaration.faults.append(f"{where}: annotation {annotation!r} is wrong: {error!r}.")
                continue
            _read_field(declaration, base, name, meaning, base.__dict__.get(name, _ABSENT))
        for name, value in vars(base).items():
            if name not in annotations:
                _read_unannotated(declaration, name, value)


def _read_field(declaration: Declaration, base: type, name: str, meaning: Any, default: object) -> None:
    where = f"{declaration.name}.{name}"
    kind = marker_of(meaning)
    if name in FILLED:
        return  # already a fault
    if isinstance(meaning, Unknown):
        if meaning.name in _MARKERS:
            declaration.faults.append(
                f"{where}: {meaning.name!r} is not defined in {base.__module__}. "
                "Import it at the top, not in a function."
            )
        elif hint := nearest(meaning.name.rpartition(".")[2], _MARKERS):
            declaration.faults.append(f"{where}: {meaning.name!r} is not defined.{hint}")
    elif kind == "listener" and (default is _ABSENT or isinstance(default, Listener)):
        declaration.listeners[name] = default.name or name if isinstance(default, Listener) else name
    elif kind and default is not _ABSENT:
        declaration.faults.append(
            f"{where}: WeaverLab fills this field, but the class also gives it a value ({default!r}). "
            f"Write only `{name}: {as_written(meaning)}`."
        )
    elif kind == "agent":
        declaration.agents[name] = name
    elif kind == "ref":
        _read_ref(declaration, base, name, meaning)
    elif any(marker_of(part) for part in parts(meaning)):
        declaration.faults.append(
            f"{where}: {as_written(meaning)} wraps a field of WeaverLab in another type, so it would not be filled. "
            f"Write the Ref, Listener or Antipode alone, one field for each."
        )
    elif default is _ABSENT and (is_interface(meaning) or is_component(meaning)):
        declaration.faults.append(
            f"{where}: a field of type {meaning.__name__} is never filled. Write `{name}: Ref[{meaning.__name__}]`."
        )


def _read_ref(declaration: Declaration, base: type, name: str, meaning: Any) -> None:
    where = f"{declaration.name}.{name}"
    if len(get_args(meaning)) != 1:
        declaration.faults.append(f"{where}: Ref needs the component in brackets: `{name}: Ref[SomeInterface]`.")
        return
    target = resolve(get_args(meaning)[0], base)
    if is_interface(target) or is_component(target):
        declaration.refs[name] = target
    elif isinstance(target, Unknown):
        known = {known.__name__ for known in registry.registered()} - {declaration.name}
        hint = nearest(target.name, known)
        declaration.faults.append(
            f"{where}: Ref[{target.name}], but {target.name!r} is not defined."
            f"{hint or ' Define that interface, or run the cell that does.'}"
        )
    else:
        declaration.faults.append(
            f"{where}: Ref[{as_written(target)}], but {as_written(target)} is neither an interface (derived from "
            "weaverlab.Interface) nor a component."
        )


def _read_unannotated(declaration: Declaration, name: str, value: object) -> None:
    if isinstance(value, Listener):
        declaration.listeners[name] = value.name or name
    elif marker_of(value):
        declaration.faults.append(
            f"{declaration.name}.{name}: a field is declared with a colon. Write `{name}: {as_written(value)}`."
        )


def _authors_bases(cls: type) -> list[type]:
    return [base for base in cls.__mro__ if base not in FRAMEWORK and not is_interface(base)]


def _base_of(cls: type) -> str:
    return "Main" if issubclass(cls, Main) else Component.__name__
