"""The classes an author derives from: `Interface`, `Implements`, `Component`, `Main`, `WithConfig`, `WithRouter`.

Life of a component instance, in this order:

1. the runtime calls the class without arguments (`__init__` may prepare state of its own, and nothing else);
2. it fills the fields (refs, listeners, agents, `config`, `logger`, `weaver`) with `fill()`;
3. it calls `init()`, if there is one, then serves calls, and in the end calls `shutdown()`, if there is one.

One class may be instantiated many times in one process. Checking declarations is not in here: see `build`.
"""

from __future__ import annotations

from collections.abc import Mapping
from logging import Logger, LoggerAdapter
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeGuard, TypeVar, get_args, get_origin, overload

from weaverlab.component import registry
from weaverlab.component.annotations import Uncached, is_class, marker_of, own_annotations, resolve
from weaverlab.errors import DeclarationError
from weaverlab.types import WeaverInfo

I = TypeVar("I")  # noqa: E741 - the interface
C = TypeVar("C")  # the configuration dataclass
R = TypeVar("R")  # the router
F = TypeVar("F")

FILLED = ("config", "logger", "weaver")  # filled in every instance; no author may use these names for something else


class Interface:
    """Base of what callers see: the public methods of a subclass are what a component can be asked to do.

    `def` methods block their caller, `async def` methods are awaited: the interface decides which. Bodies are never
    run: write `...`. pyright knows that form; for mypy switch its check `empty-body` off (see docs/from-go.md).
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        registry.register(cls)


class Deployable:
    """What all components have. Derive from `Implements`, `Component` or `Main`, not from this."""

    logger: Logger | LoggerAdapter[Any]
    weaver: WeaverInfo

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__ != __name__:
            registry.register(cls)

    if not TYPE_CHECKING:  # a type checker that sees __getattr__ would accept any misspelt attribute

        def __getattr__(self, name: str) -> NoReturn:
            """Explain a field that is used before it is filled; called only for attributes that do not exist."""
            raise AttributeError(_why_absent(type(self), name), name=name, obj=self)


class Implements(Uncached, Deployable, Generic[I]):
    """Base of an implementation: `class PostStorageEU(Implements[PostStorage])`.

    Derive from the interface too (`class PostStorageEU(Implements[PostStorage], PostStorage)`) and type checkers reject
    an implementation that does not fit.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        fault = _fault_of_interface(cls)
        if fault:
            raise DeclarationError([fault])


class Component(Deployable):
    """Base of a component that is its own interface, for short notebooks: `class Reverser(Component)`."""


class Main(Deployable):
    """Base of the application's body: `def main(self)` or `async def main(self)` is what `run()` runs.

    It is its own interface. It has one replica unless asked otherwise, and `main` is never repeated by a retry.
    """


class WithConfig(Uncached, Generic[C]):
    """Adds `self.config`, an instance of dataclass `C` filled from the section of weaver.toml named like the component.

    A field whose key in the file is called otherwise says so: `size: int = field(default=9, metadata={"toml":
    "max-size"})`. One that comes from the environment and is never shown: `password: str = secret("DB_PASSWORD")`. `C`
    may have a method `validate()` that raises ValueError.
    """

    config: C


class WithRouter(Uncached, Generic[R]):
    """Makes calls with equal keys reach one replica, as long as none comes or goes: `R` computes the keys.

    `R` is a plain class, made without arguments. For each method to be routed it has one of the same name and
    parameters, run in the caller's process, that returns the key: an int, a float, a str, or a tuple, NamedTuple or
    dataclass of these. All have the same type, as their return annotations say. Methods that it lacks are not routed.

    Raises:
        DeclarationError: when the component's class is defined, with all faults of its router.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        from weaverlab.component.router import faults_of_router  # it reads declarations, so it imports this module

        if faults := faults_of_router(cls):
            raise DeclarationError(faults)


def not_retriable(method: F) -> F:
    """Mark a method that must not run twice: a call that may have executed is then never repeated."""
    if not callable(method) or isinstance(method, (type, classmethod, staticmethod)):
        raise DeclarationError([f"@not_retriable marks methods; {method!r} is not one. Write it right above `def`."])
    vars(method)["__weaver_not_retriable__"] = True
    return method


@overload
def instance_of(thing: type, interface: type[F]) -> TypeGuard[type[F]]: ...
@overload
def instance_of(thing: object, interface: type[F]) -> TypeGuard[F]: ...
def instance_of(thing: object, interface: type) -> bool:
    """Return whether `thing`, an object or a class, implements `interface` (or is that component class)."""
    cls = thing if isinstance(thing, type) else type(thing)
    if issubclass(cls, interface):
        return True
    own = interface_of(cls) if is_component(cls) else None
    return isinstance(own, type) and extends(own, interface)


def fill(
    instance: object,
    *,
    logger: Logger | LoggerAdapter[Any],
    weaver: WeaverInfo,
    refs: Mapping[str, object] | None = None,
    listeners: Mapping[str, object] | None = None,
    agents: Mapping[str, object] | None = None,
    config: object = None,
) -> None:
    """Fill the fields of a fresh component `instance`; `refs`, `listeners` and `agents` are keyed by field name."""
    values = {**(refs or {}), **(listeners or {}), **(agents or {}), "logger": logger, "weaver": weaver}
    if config is not None:
        values["config"] = config
    for name, value in values.items():
        object.__setattr__(instance, name, value)  # an author's own __setattr__ has no say in this


def is_interface(cls: object) -> TypeGuard[type]:
    """Return whether `cls` is an author's interface (an implementation that also derives from one is not)."""
    return is_class(cls) and issubclass(cls, Interface) and cls is not Interface and not _is_deployable(cls)


def is_component(cls: object) -> TypeGuard[type]:
    """Return whether `cls` is an author's component."""
    return is_class(cls) and _is_deployable(cls) and cls not in FRAMEWORK


def extends(interface: type, wanted: type) -> bool:
    """Return whether `interface` is `wanted` or derives from it, be it before or after a cell was run again."""
    return any(is_interface(base) and registry.is_same(base, wanted) for base in interface.__mro__)


def interface_of(cls: type) -> type | str:
    """Return the interface that component `cls` implements, in its newest definition, or the name that is not found."""
    if not issubclass(cls, Implements):
        return cls
    written = type_argument(cls, Implements)
    try:
        interface = resolve(written, cls)
    except Exception:  # the component's own fault when it is deployed, and no other component's
        return str(getattr(written, "__forward_arg__", written))
    return registry.current(interface) if is_class(interface) else getattr(interface, "name", str(interface))


def type_argument(cls: type, base: type) -> object:
    """Return X of the nearest `base[X]` among the bases of `cls` and of its bases, or None."""
    for ancestor in cls.__mro__:
        for written in ancestor.__dict__.get("__orig_bases__", ()):
            if get_origin(written) is base:
                arguments = get_args(written)
                return arguments[0] if len(arguments) == 1 else arguments
    return None


def _is_deployable(cls: type) -> bool:
    return issubclass(cls, Deployable)


def _fault_of_interface(cls: type) -> str | None:
    declared = type_argument(cls, Implements)
    example = f"Write `class {cls.__name__}(Implements[SomeInterface])`."
    if declared is None:
        return f"{cls.__name__}: derives from Implements, which needs the interface in brackets. {example}"
    if is_class(declared) and not is_interface(declared):
        return (
            f"{cls.__name__}: Implements[{declared.__name__}], but {declared.__name__} is not an interface, that is, "
            f"a class derived from weaverlab.Interface. {example}"
        )
    return None


def _why_absent(cls: type, name: str) -> str:
    if name == "config" and not issubclass(cls, WithConfig):
        return f"{cls.__name__} has no config: derive it from WithConfig[YourDataclass] too"
    if name in FILLED or any(_is_marked(name, base) for base in cls.__mro__):
        return (
            f"{cls.__name__}.{name} is not filled yet: WeaverLab fills refs, listeners, agents, config, logger and "
            "weaver after __init__ and before init(). Move what needs it to `def init(self)`."
        )
    return f"{cls.__name__!r} object has no attribute {name!r}"


def _is_marked(name: str, base: type) -> bool:
    written = own_annotations(base).get(name)
    try:
        return bool(marker_of(resolve(written, base)))
    except Exception:  # a fault of the declaration, reported when the application is built
        return False


FRAMEWORK: frozenset[type] = frozenset(
    (Uncached, Interface, Deployable, Implements, Component, Main, WithConfig, WithRouter, object)
)
