"""The two forms of Python web applications, and how to tell them apart. Not in here: what wraps or answers them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def is_asgi(app: Callable[..., Any]) -> bool:
    """Return whether `app` is an ASGI application, called with (scope, receive, send), or else a WSGI one.

    Raises:
        TypeError: it is neither, or takes whatever comes and so might be either.
    """
    if not callable(app):
        raise TypeError(f"expected a WSGI or ASGI application, got {app!r}.")
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None)):  # noqa: B004
        return True
    takes_two, takes_three = _takes(app, 2), _takes(app, 3)
    if takes_two == takes_three:
        seen = "takes any arguments" if takes_two else "takes neither"
        raise TypeError(
            "expected a WSGI application, called with (environ, start_response), or an ASGI application, called with "
            f"(scope, receive, send); {app!r} {seen}. Say which it is: asgi=True or asgi=False."
        )
    return takes_three


def _takes(app: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(app).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # it has no signature, being written in C
        return True
    return True
