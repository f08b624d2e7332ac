"""With `mtls`, calls are let in only from where the classes declare a ref.

The transport says who a connection's peer is, by its certificate; from then on its calls pass one lookup in a set. It
comes before arguments are unpickled. Not in here: what may be called from where (`deployers.permissions`).
"""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from typing import NoReturn

from weaverlab.errors import NotPermitted
from weaverlab.transport import Call, Handler, Reply
from weaverlab.transport.patience import Patience
from weaverlab.transport.tls import Tls
from weaverlab.transport.tls_socket import TlsSocket
from weaverlab.wire.stream_messages import Item, StreamCall


class Gate:
    """Lets peers in that have a certificate, each to what it may call."""

    def __init__(
        self,
        tls: Tls,
        handler: Handler,
        methods: Sequence[tuple[str, str]],
        may_call: Mapping[str, frozenset[str]],
        refused: Callable[[str], None],
    ) -> None:
        """`methods` are (component, method) by number; `refused` is told of the first refusal of each kind."""
        self._tls = tls
        self._handler = handler
        self._methods = methods
        self._may_call = may_call
        self._refused = refused
        self._told: set[tuple[str, int]] = set()  # at most one entry for each method and replica

    def admit(self, sock: socket.socket, patience: Patience) -> tuple[TlsSocket, Handler]:
        """Carry a TLS handshake; return what to speak through, and who executes the calls. Raises as `Tls.accept`."""
        encrypted, peer = self._tls.accept(sock, patience)
        components = self._may_call.get(group_of(peer), frozenset())
        allowed = frozenset(number for number, (component, _) in enumerate(self._methods) if component in components)
        return encrypted, Permitted(self._handler, allowed, lambda call: self.refuse(peer, call))

    def refuse(self, peer: str, call: Call) -> NoReturn:
        """Raise what the caller is to see, and log it, but not again for the next call of this kind."""
        if call.method >= len(self._methods):
            raise NotPermitted(f"{peer} called method number {call.method}, and this deployment has no such method.")
        component, method = self._methods[call.method]
        if (peer, call.method) not in self._told:
            self._told.add((peer, call.method))
            self._refused(
                f"refused a call: {peer} called {component}.{method}, and nothing there has a ref to {component}"
            )
        raise NotPermitted(
            f"{component}.{method} was refused to {peer}: no component there has a ref to {component}. "
            f"Declare one (`field: Ref[...]`) in the component that calls, and deploy again."
        )


class Permitted:
    """A handler of the calls of one peer; those that it may not make are refused."""

    __slots__ = ("_allowed", "_handler", "_refuse", "failure")

    def __init__(self, handler: Handler, allowed: frozenset[int], refuse: Callable[[Call], NoReturn]) -> None:
        self._handler = handler
        self._allowed = allowed
        self._refuse = refuse
        self.failure = handler.failure

    def call(self, call: Call) -> Reply:
        if call.method not in self._allowed:
            self._refuse(call)
        return self._handler.call(call)

    async def call_async(self, call: Call) -> Reply:
        if call.method not in self._allowed:
            self._refuse(call)
        return await self._handler.call_async(call)

    def stream(self, call: StreamCall) -> Generator[Item | Reply, None, None]:
        return self._handler.stream(call) if call.method in self._allowed else self._refused_stream(call)

    def stream_async(self, call: StreamCall) -> AsyncGenerator[Item | Reply, None]:
        if call.method not in self._allowed:
            self._refuse(call)
        return self._handler.stream_async(call)

    def _refused_stream(self, call: StreamCall) -> Generator[Item | Reply, None, None]:
        """Yield the end of a stream that does not begin: the connection's thread expects no exception there."""
        try:
            self._refuse(call)
        except NotPermitted as error:
            yield Reply(False, b"", self.failure(call, error))


def group_of(replica: str) -> str:
    """Return the colocation group of a replica: `Storage` of `Storage/1`. The deployer's weavelet is a group itself."""
    return replica.rpartition("/")[0] or replica
