"""The addresses of a deployment's listeners: a proxy for each, which stays when replicas and versions come and go.

They run in the deploying process, on a thread of their own. Not in here: how bytes pass (`transport.proxy`), and which
replicas are healthy, which a version's backend tells.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack

from weaverlab.transport import LoopThread
from weaverlab.transport.proxy import Proxy


class Fronts:
    """Proxies by listener and configured address. One thread at a time opens and closes; any sets targets."""

    def __init__(self) -> None:
        self._loop: LoopThread | None = None
        self._proxies: dict[tuple[str, str], Proxy] = {}

    def open(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Open what is missing of `wanted`, addresses by listener; return where clients connect, by listener.

        Raises:
            DeployError: an address cannot be had. Nothing has been opened.
        """
        with ExitStack() as undo:
            opened = {}
            for front in wanted.items():
                if front not in self._proxies:
                    opened[front] = Proxy(*front, self._own_loop())
                    undo.callback(opened[front].close, 0.0)
            undo.pop_all()
        self._proxies |= opened
        return {name: self._proxies[name, address].addr for name, address in wanted.items()}

    def keep(self, wanted: Mapping[str, str], drain_s: float) -> None:
        """Close all that is not in `wanted`; connections that are open get `drain_s` seconds to end."""
        for name, address in list(self._proxies):
            if wanted.get(name) != address:
                self._proxies.pop((name, address)).close(drain_s)
        if not self._proxies and self._loop is not None:
            self._loop.stop()
            self._loop = None

    def follow(self, healthy: Mapping[str, tuple[str, ...]], silent: Collection[str]) -> None:
        """Send new connections to these addresses, by listener, and end those to addresses where nobody answers.

        Connections to any others, of replicas that are leaving, go on as they are.
        """
        for (name, _), proxy in list(self._proxies.items()):
            proxy.set_targets(healthy.get(name, ()))
            for address in silent:
                proxy.drop(address)

    def wait_moved(self, timeout_s: float) -> None:
        """Wait at most `timeout_s`, for each listener, until no connection leads to a replica that is leaving."""
        for proxy in self._proxies.values():
            proxy.wait_moved(timeout_s)

    def _own_loop(self) -> LoopThread:
        if self._loop is None:
            self._loop = LoopThread("weaverlab-proxies")
        return self._loop
