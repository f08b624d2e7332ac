"""Objects that stand in for components in a test: which components they answer for, and whether they can.

A fake is no component: nobody makes, fills or starts it, and what the component behind it would need is not deployed.
Where its calls are answered is the runtime's business.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from weaverlab.component import registry
from weaverlab.component.application import MethodSpec
from weaverlab.component.declaration import Declaration, read
from weaverlab.component.declare import Main, interface_of, is_component, is_interface
from weaverlab.component.methods import interface_methods, method_spec
from weaverlab.component.shapes import Shape, shape_of
from weaverlab.errors import nearest

_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)


def fake_for(cls: type, faked: Iterable[type]) -> type | None:
    """Return which of `faked` stands for `cls`, a component or an interface: the same class, or its interface."""
    interface = interface_of(cls) if is_component(cls) else cls
    meant = [cls, interface] if isinstance(interface, type) else [cls]
    return next((key for wanted in meant for key in faked if registry.is_same(wanted, key)), None)


def stand_in(cls: type) -> Declaration:
    """Return what takes the place of the declaration of `cls`, a component or an interface: methods, and no needs."""
    interface = interface_of(cls) if is_component(cls) else cls
    if not isinstance(interface, type):
        return read(cls)  # with the fault that it names no interface
    methods, faults = interface_methods(interface)
    specs = tuple(method_spec(interface, name, getattr(cls, name, method)) for name, method in methods.items())
    config_class = read(cls).config_class if is_component(cls) else None
    return Declaration(cls, interface, specs, config_class=config_class, faults=faults)


def faults_of_fakes(fakes: Mapping[type, object]) -> list[str]:
    """Return what is wrong with fakes by themselves; whether the application has a use for them is not in here."""
    if not isinstance(fakes, Mapping):
        return [f"fakes: expected a dict such as {{Clock: FakeClock()}}, saw {fakes!r}."]
    return [fault for key, fake in fakes.items() for fault in faults_of_key(key) or _faults_of_fake(key, fake)]


def faults_of_key(key: object) -> list[str]:
    """Return why nothing could ever be a fake for `key`."""
    name = getattr(key, "__name__", repr(key))
    if isinstance(key, str):
        return [f"fakes: {name} is a name; pass the interface or the component class itself."]
    if not is_interface(key) and not is_component(key):
        return [f"fakes: {name} is neither an interface nor a component class, so no ref can ask for it."]
    if issubclass(key, Main):
        return [f"fakes: {name} is a Main, which nobody calls. Fake what it calls, or deploy something else."]
    return []


def _faults_of_fake(key: type, fake: object) -> list[str]:
    if isinstance(fake, type):
        return [f"fakes: {key.__name__}: {fake.__name__} is a class; pass an object of it: {fake.__name__}()."]
    interface = interface_of(key) if is_component(key) else key
    if not isinstance(interface, type):
        return []  # a fault of the declaration of `key`, reported with it
    methods, _ = interface_methods(interface)
    promised = [method_spec(interface, name, method) for name, method in methods.items()]
    return [fault for method in promised if (fault := _fault_of_method(key, interface, method, fake))]


def _fault_of_method(key: type, interface: type, method: MethodSpec, fake: object) -> str | None:
    """Return why calls of `method` cannot be passed on to `fake`."""
    name, who = method.name, f"fakes: {key.__name__}: {type(fake).__name__}"
    bare = [parameter.replace(annotation=parameter.empty) for parameter in method.signature.parameters.values()]
    expected = method.shape.example(f"{name}{inspect.Signature([_SELF, *bare])}")
    written = getattr(fake, name, None)
    if not callable(written) or _is_bare_promise(fake, name, interface):
        others = [other for other in dir(fake) if not other.startswith("_") and other != name]
        return f"{who} has no method {name!r}.{nearest(name, others)} Write {expected}."
    shape = _shape(written, fake)
    if shape is not method.shape and not (method.streams and shape is Shape.VALUE):  # which may return any iterable
        return f"{who}.{name} is {shape.value}, but {interface.__name__} says otherwise. Write {expected}."
    if not _accepts(written, method.signature):
        taken = inspect.signature(written)
        return f"{who}.{name} takes {taken}, but is called as {interface.__name__} says: {expected}."
    return None


def _shape(written: Callable[..., Any], fake: object) -> Shape:
    flags = getattr(getattr(written, "__code__", None), "co_flags", 0)
    return shape_of(written, type(fake)) if isinstance(flags, int) else Shape.VALUE  # a mock has a mock of flags


def _is_bare_promise(fake: object, name: str, interface: type) -> bool:
    """Return whether a fake that derives from the interface has not written this method itself."""
    if name in getattr(fake, "__dict__", {}):
        return False
    owner = next((base for base in type(fake).__mro__ if name in vars(base)), object)
    return any(is_interface(base) and registry.is_same(base, owner) for base in interface.__mro__)


def _accepts(written: object, promised: inspect.Signature) -> bool:
    """Return whether `written` takes every call that `promised` allows: all that is positional comes positionally."""
    try:
        taken = inspect.signature(written)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return True  # written in C: Python cannot tell
    kinds = {parameter.kind for parameter in taken.parameters.values()}
    parameters = list(promised.parameters.values())
    rests = {p.kind for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    try:
        taken.bind(*positional, **{p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY})
    except TypeError:
        return False
    return rests <= kinds
