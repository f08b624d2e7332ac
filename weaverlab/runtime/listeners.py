"""The listeners of a replica, bound. Not in here: why an address cannot be had (`transport.tcp`), and the proxy."""

from __future__ import annotations

from weaverlab.component import Listener
from weaverlab.transport.tcp import listen

ANY_FREE_PORT = "127.0.0.1:0"


def bind(name: str, address: str, proxy_addr: str = "") -> Listener:
    """Return listener `name`, bound to `address` ("host:port") and listening; clients connect to `proxy_addr`, if any.

    Raises:
        DeployError: the address cannot be had.
    """
    return Listener(name, socket=listen(name, address), proxy_addr=proxy_addr)
