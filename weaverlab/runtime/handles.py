"""Handles: what a component holds for each of its refs. One small class per interface, made at run time.

A handle has the interface's methods with their own signatures, so wrong arguments fail in the caller, before
anything is sent, with Python's own message. Each method is two or three lines of generated source; read
`_LOCAL` and `_REMOTE` below. Generated code and not `__getattr__`, because a boundary that costs nearly
nothing is the point of colocation (68 ns against 855 ns). Not in here: what a remote call does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from weaverlab.component import ComponentSpec, MethodSpec
from weaverlab.runtime import context

# {a} is the parameter list of the signature, {c} the same names as arguments, {n} the method's name.
_LOCAL = """
{d} {n}(self, {a}):
    self._stats_{n}.calls += 1
    if __weaver_trace():
        return {w}self._traced_{n}({c})
    try:
        return {w}self._target_{n}({c})
    except BaseException:
        self._stats_{n}.errors += 1
        raise
"""
_REMOTE = """
{d} {n}(self, {a}):
    return {w}self._send(self._method_{n}, ({p}))
"""


# The kinds of parameters that are not plainly positional.
_REST: Any = inspect.Parameter.VAR_POSITIONAL
_NAMED: Any = inspect.Parameter.KEYWORD_ONLY
_NAMED_REST: Any = inspect.Parameter.VAR_KEYWORD


def keywords_of(method: MethodSpec) -> bool:
    """Tell whether calls of `method` carry a dict of keyword arguments behind the positional ones."""
    kinds = {parameter.kind for parameter in method.signature.parameters.values()}
    return bool(kinds & {_NAMED, _NAMED_REST})


def local_handle(
    spec: ComponentSpec,
    instance: object,
    stats: Mapping[str, object],
    traced: Callable[[MethodSpec, Callable[..., Any]], Callable[..., Any]],
) -> Any:
    """Return a handle that calls `instance` directly; `traced` wraps a method for calls of a traced request."""
    handle = _class(spec, _LOCAL, {"__weaver_trace": context.trace.get})()
    for method in spec.methods:
        target = getattr(instance, method.name)
        setattr(handle, f"_target_{method.name}", target)
        setattr(handle, f"_traced_{method.name}", traced(method, target))
        setattr(handle, f"_stats_{method.name}", stats[method.name])
    return handle


def remote_handle(
    spec: ComponentSpec,
    methods: Mapping[str, object],
    send: Callable[[Any, tuple[object, ...]], Any],
    send_async: Callable[[Any, tuple[object, ...]], Any],
) -> Any:
    """Return a handle whose methods pass `methods[name]` and the arguments to `send` or `send_async`."""
    handle = _class(spec, _REMOTE, {})()
    handle._send, handle._send_async = send, send_async
    for method in spec.methods:
        setattr(handle, f"_method_{method.name}", methods[method.name])
    return handle


def _class(spec: ComponentSpec, template: str, names: dict[str, object]) -> type:
    body: dict[str, object] = {
        "__doc__": f"Handle to component {spec.name}.",
        "__repr__": lambda self: f"<handle to {spec.name}: {', '.join(m.name for m in spec.methods)}>",
        "__reduce__": _refuse_pickling,
    }
    for method in spec.methods:
        body[method.name] = _function(spec, method, template, names)
    return type(f"{spec.name}Handle", (), body)


def _function(spec: ComponentSpec, method: MethodSpec, template: str, names: dict[str, object]) -> object:
    """Return one method of a handle: the template filled in, with the interface's defaults and documentation."""
    parameters = [p for p in method.signature.parameters.values() if p.name != "self"]
    source = template.format(
        n=method.name,
        d="async def" if method.is_async else "def",
        w="await " if method.is_async else "",
        a=_declared(parameters),
        c=_passed(parameters),
        p=_packed(parameters, keywords_of(method)),
    )
    if method.is_async:
        source = source.replace("self._send(", "self._send_async(")
    scope = dict(names)
    exec(compile(source, f"<handle of {spec.name}>", "exec"), scope)  # the text is ours, the names are identifiers
    function: Any = scope[method.name]
    function.__defaults__ = tuple(p.default for p in parameters if _positional(p) and p.default is not p.empty) or None
    function.__kwdefaults__ = {
        p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
    }
    function.__doc__ = getattr(spec.interface, method.name).__doc__
    function.__qualname__ = f"{spec.name}.{method.name}"
    return function


def _positional(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)


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


def _refuse_pickling(self: object) -> Any:
    raise TypeError(
        f"{self!r} cannot be pickled: a handle belongs to one process. Declare a Ref in the component that needs it."
    )
