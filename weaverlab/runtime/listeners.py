"""Binding the listeners that components declare."""

from __future__ import annotations

import socket

from weaverlab.component import Listener
from weaverlab.errors import DeployError

ANY_FREE_PORT = "127.0.0.1:0"
BACKLOG = 128  # what Python's own socketserver and uvicorn's ancestors use; the kernel caps it anyway


def bind(name: str, address: str) -> Listener:
    """Return listener `name`, bound to `address` ("host:port") and listening."""
    host, _, port = address.rpartition(":")
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    except (OSError, ValueError) as error:
        raise DeployError(
            f"listener {name!r}: cannot use address {address!r} ({error}). Expected 'host:port'."
        ) from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise DeployError(
            f"listener {name!r}: cannot listen on {address} ({error.strerror}).\n"
            "Stop what uses it, or give another address in [single.listeners] or [multi.listeners]."
        ) from error
    return Listener(name, socket=bound)
