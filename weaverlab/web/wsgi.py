"""Around a WSGI application (PEP 3333). Not in here: what is counted (`exchange`)."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from weaverlab.web.apps import Environ, StartResponse, WsgiApp
from weaverlab.web.exchange import Exchange


class InstrumentedWsgi:
    """A WSGI application whose requests are counted.

    A request lasts until the server closes the reply, long after the application has returned it, and it may be
    iterated between others. So each has a context (`contextvars`) of its own, in which every part of it runs.
    """

    def __init__(self, app: WsgiApp, begin: Callable[[str], Exchange]) -> None:
        self._app = app
        self._begin = begin

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        exchange = self._begin(environ.get("HTTP_HOST", ""))
        if (request_bytes := _request_bytes(environ)) is not None:
            exchange.received(request_bytes)
        context = contextvars.copy_context()
        context.run(exchange.root.__enter__)
        try:
            reply = context.run(self._app, environ, _counting(start_response, exchange))
        except BaseException as error:
            _end(exchange, context, error)
            raise
        return (_SizedReply if hasattr(reply, "__len__") else _Reply)(reply, exchange, context)


class _Reply:
    """The body of a reply, counted while the server takes it."""

    def __init__(self, reply: Iterable[bytes], exchange: Exchange, context: contextvars.Context) -> None:
        self._reply = reply
        self._exchange = exchange
        self._context = context
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._context.run(self._next)

    def close(self) -> None:
        error: BaseException | None = None
        try:
            self._context.run(getattr(self._reply, "close", lambda: None))
        except BaseException as raised:
            error = raised
            raise
        finally:
            _end(self._exchange, self._context, error)

    def _next(self) -> bytes:
        try:
            if self._pieces is None:
                self._pieces = iter(self._reply)
            piece = next(self._pieces)
        except StopIteration:
            raise
        except Exception:
            self._exchange.failed()
            raise
        self._exchange.returned(len(piece))
        return piece


class _SizedReply(_Reply):
    """A body of known length: a server that is given a single piece need not send it in chunks."""

    def __len__(self) -> int:
        return len(self._reply)  # type: ignore[arg-type]


def _counting(start_response: StartResponse, exchange: Exchange) -> StartResponse:
    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
        exchange.replying(int(status[:3]), sum(len(name) + len(value) for name, value in headers))
        write = start_response(status, headers, *exc_info)

        def counting_write(piece: bytes) -> object:
            exchange.returned(len(piece))
            return write(piece)

        return counting_write

    return start


def _end(exchange: Exchange, context: contextvars.Context, error: BaseException | None) -> None:
    if isinstance(error, Exception):
        exchange.failed()
    context.run(exchange.root.__exit__, None, None, None)
    exchange.ended()


def _request_bytes(environ: Environ) -> int | None:
    """Return about how many bytes the request has on the wire; None where only reading it to its end would tell."""
    length = environ.get("CONTENT_LENGTH") or ("" if "HTTP_TRANSFER_ENCODING" in environ else "0")
    if not length.isdecimal():
        return None
    line = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL")
    line_bytes = sum(len(environ.get(name, "")) for name in line)
    headers = ((name, value) for name, value in environ.items() if name.startswith("HTTP_"))
    return line_bytes + sum(len(name) - len("HTTP_") + len(value) for name, value in headers) + int(length)
