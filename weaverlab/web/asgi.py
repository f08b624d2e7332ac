"""Around an ASGI application (ASGI 3). Not in here: what is counted (`exchange`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from weaverlab.web.apps import AsgiApp, Message, Receive, Scope, Send
from weaverlab.web.exchange import Exchange


class InstrumentedAsgi:
    """An ASGI application whose HTTP requests are counted; other scopes are passed on as they are."""

    def __init__(self, app: AsgiApp, begin: Callable[[str], Exchange]) -> None:
        self._app = app
        self._begin = begin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = self._begin(_host(scope))
        exchange.received(_head_bytes(scope))

        async def counting_receive() -> Message:
            message = await receive()
            exchange.received(len(message.get("body", b"")))
            return message

        async def counting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.replying(message["status"], _bytes_of(message.get("headers", ())))
            elif message["type"] == "http.response.body":
                exchange.returned(len(message.get("body", b"")))
            await send(message)

        try:
            with exchange.root:
                await self._app(scope, counting_receive, counting_send)
        except Exception:
            exchange.failed()
            raise
        finally:
            exchange.ended()


def _host(scope: Scope) -> str:
    found: bytes = next((value for name, value in scope["headers"] if name.lower() == b"host"), b"")
    return found.decode("latin-1")


def _head_bytes(scope: Scope) -> int:
    """Return about how many bytes the request has on the wire, without its body."""
    line = (scope["method"], "HTTP/", scope["http_version"], scope["path"], scope["query_string"])
    return sum(map(len, line)) + _bytes_of(scope["headers"])


def _bytes_of(headers: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)
