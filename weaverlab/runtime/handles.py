"""Handles: what a component holds for each of its refs, with the methods of the callee's interface.

A method of a handle has the interface's own signature, so wrong arguments fail in the caller, before anything is
sent, with Python's own message. Its source is a few lines, made at run time: read `_LOCAL` and `_REMOTE`.
Generated code and not `__getattr__`, because a boundary that costs nearly nothing is the point of colocation
(about 100 ns against 855 ns). A method that streams returns a generator, which makes the call when it is first asked
for an item. Not in here: what a remote call does, what streams do (`local_streams`, `remote_streams`).
"""

from __future__ import annotations

import inspect
from bisect import bisect_left
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, Protocol

from weaverlab.component import ComponentSpec, MethodSpec, Shape
from weaverlab.errors import nearest
from weaverlab.observe import BOUNDS_S, MethodStats
from weaverlab.runtime import context

# {name} has the parameters {declared}; {passed} are the same names as arguments, {packed} as elements of a tuple. What
# the method closes over begins with underscores, as no parameter of an interface should.
_LOCAL = """
def make(__target, __stats, __traced, __trace):
    {define} {name}({declared}):
        __stats.calls += 1
        try:
            if __trace():
                return {wait}__traced({passed})
            return {wait}__target({passed})
        except BaseException:
            __stats.errors += 1
            raise
    return {name}
"""
_LOCAL_TIMED = """
def make(__target, __stats, __traced, __trace, __now_s, __buckets, __bucket_of, __bounds_s):
    {define} {name}({declared}):
        __stats.calls += 1
        __began_s = __now_s()
        try:
            if __trace():
                return {wait}__traced({passed})
            return {wait}__target({passed})
        except BaseException:
            __stats.errors += 1
            raise
        finally:
            __took_s = __now_s() - __began_s
            __stats.timed_s += __took_s
            __buckets[__bucket_of(__bounds_s, __took_s) if __took_s > __bounds_s[0] else 0] += 1
    return {name}
"""
_LOCAL_STREAM = """
def make(__read, __target):
    def {name}({declared}):
        return __read(lambda: __target({passed}))
    return {name}
"""
_REMOTE = """
def make(__send, __method):
    {define} {name}({declared}):
        return {wait}__send(__method, ({packed}))
    return {name}
"""

# The kinds of parameters that are not plainly positional.
_REST: Any = inspect.Parameter.VAR_POSITIONAL
_NAMED: Any = inspect.Parameter.KEYWORD_ONLY
_NAMED_REST: Any = inspect.Parameter.VAR_KEYWORD


class Handle:
    """Calls one component, here or in another process: its methods are functions, made by this module."""

    def __init__(self, component: str, methods: Mapping[str, Callable[..., Any]]) -> None:
        self.__dict__.update(methods)
        self.__component = component

    def __getattr__(self, name: str) -> Any:
        methods = self._methods()
        raise AttributeError(
            f"{vars(self).get('_Handle__component')} has no method {name!r}.{nearest(name, methods)} "
            f"It has: {', '.join(methods)}.",
            name=name,
            obj=self,
        )

    def __repr__(self) -> str:
        return f"<handle to {self.__component}: {', '.join(self._methods())}>"

    def _lead_to(self, other: Handle) -> None:
        """Call from now on what `other` calls: one step of the interpreter, so every call goes to one or the other."""
        self.__dict__ = dict(vars(other))

    def _methods(self) -> list[str]:
        return [name for name in vars(self) if not name.startswith("_")]

    def __reduce__(self) -> Any:
        raise TypeError(
            f"{self!r} cannot be pickled: a handle belongs to one process. "
            "Declare a Ref in the component that needs it."
        )


def local_handle(
    spec: ComponentSpec,
    instance: object,
    stats: Mapping[str, MethodStats],
    traced: Callable[[MethodSpec, Callable[..., Any]], Callable[..., Any]],
    reader: Callable[[MethodSpec, MethodStats], Callable[[Callable[[], Any]], Any]],
    timed_by: Callable[[], float] | None = None,
) -> Handle:
    """Return a handle that calls `instance` directly.

    `traced` wraps a method for calls of a traced request; `reader` makes what reads the stream that a call returns.
    With the clock `timed_by` each call is timed, which costs 150 ns more.
    """
    methods = {}
    for method in spec.methods:
        target = getattr(instance, method.name)
        if method.streams:
            read = reader(method, stats[method.name])
            methods[method.name] = _function(spec, method, _LOCAL_STREAM, (read, target))
            continue
        counts = stats[method.name]
        parts = (target, counts, traced(method, target), context.trace.get)
        if timed_by is None:
            methods[method.name] = _function(spec, method, _LOCAL, parts)
        else:
            timing = (timed_by, counts.buckets, bisect_left, BOUNDS_S)
            methods[method.name] = _function(spec, method, _LOCAL_TIMED, (*parts, *timing))
    return Handle(spec.name, methods)


class Carrier(Protocol):
    """Carries calls to where the component is: `call` and `read` for whoever blocks, the others for whoever awaits."""

    def call(self, method: Any, args: tuple[object, ...]) -> Any: ...
    async def call_async(self, method: Any, args: tuple[object, ...]) -> Any: ...
    def read(self, method: Any, args: tuple[object, ...]) -> Generator[Any, None, Any]: ...
    def read_async(self, method: Any, args: tuple[object, ...]) -> AsyncGenerator[Any, None]: ...


def remote_handle(spec: ComponentSpec, methods: Mapping[str, object], carrier: Carrier) -> Handle:
    """Return a handle whose methods pass `methods[name]` and the arguments to `carrier`."""
    carry = {
        Shape.VALUE: carrier.call,
        Shape.AWAITED: carrier.call_async,
        Shape.STREAM: carrier.read,
        Shape.ASYNC_STREAM: carrier.read_async,
    }
    return Handle(
        spec.name,
        {
            method.name: _function(spec, method, _REMOTE, (carry[method.shape], methods[method.name]))
            for method in spec.methods
        },
    )


def _function(spec: ComponentSpec, method: MethodSpec, template: str, parts: tuple[object, ...]) -> Callable[..., Any]:
    """Return one method of a handle: the template filled in, with the interface's defaults and documentation."""
    parameters = list(method.signature.parameters.values())
    source = template.format(
        name=method.name,
        define="async def" if method.shape is Shape.AWAITED else "def",
        wait="await " if method.shape is Shape.AWAITED else "",
        declared=_declared(parameters),
        passed=_passed(parameters),
        packed=_packed(parameters, method.has_keywords),
    )
    scope: dict[str, Any] = {}
    exec(compile(source, f"<handle to {spec.name}>", "exec"), scope)  # the text is ours, the names are identifiers
    function = scope["make"](*parts)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    function.__defaults__ = tuple(p.default for p in positional if p.default is not p.empty) or None
    function.__kwdefaults__ = {p.name: p.default for p in parameters if p.kind is _NAMED and p.default is not p.empty}
    function.__doc__ = getattr(spec.interface, method.name).__doc__
    function.__qualname__ = f"{spec.name}.{method.name}"
    return function  # type: ignore[no-any-return]


def _declared(parameters: list[inspect.Parameter]) -> str:
    """Return the parameter list as source: names, `/`, `*` and a placeholder for each default."""
    bare = [
        p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else _PLACEHOLDER) for p in parameters
    ]
    return str(inspect.Signature(bare))[1:-1]


class _Placeholder:
    def __repr__(self) -> str:
        return "None"


_PLACEHOLDER = _Placeholder()


def _passed(parameters: list[inspect.Parameter]) -> str:
    """Return the same parameters as the argument list of a call."""
    forms = {_REST: "*{0}", _NAMED: "{0}={0}", _NAMED_REST: "**{0}"}
    return ", ".join(forms.get(p.kind, "{0}").format(p.name) for p in parameters)


def _packed(parameters: list[inspect.Parameter], keywords: bool) -> str:
    """Return the elements of the tuple that goes over the wire; keyword arguments are one dict at its end."""
    positional = {_REST: "*{0},", _NAMED: "", _NAMED_REST: ""}
    named = {_NAMED: "{0!r}: {0},", _NAMED_REST: "**{0},"}
    elements = [positional.get(p.kind, "{0},").format(p.name) for p in parameters]
    if keywords:
        elements.append("{" + "".join(named.get(p.kind, "").format(p.name) for p in parameters) + "},")
    return " ".join(elements)
