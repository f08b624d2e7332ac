"""Pyro5 on a UNIX socket, with its msgpack serializer, which carries no arrays; a proxy for each caller."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.system import Caller, System


class PyroPeer(System):
    needs = distribution = "Pyro5"
    carries = ("tiny", "record", "bytes")

    def start(self) -> None:
        self._uri = self.serve(serve, f"{self.folder()}/pyro")

    def connect(self, method: str = "echo") -> Caller:
        from Pyro5.api import Proxy, config

        config.SERIALIZER = "msgpack"
        proxy = Proxy(self._uri)
        proxy._pyroBind()

        def release() -> None:
            proxy._pyroClaimOwnership()  # a proxy belongs to one thread, and whoever stops the system is another
            proxy._pyroRelease()

        self.stack.callback(release)
        caller: Caller = proxy.echo
        return caller


class Echo:
    def echo(self, value: object) -> object:
        return value


def serve(ready: Callable[[object], None], path: str) -> None:
    from Pyro5.api import Daemon, config, expose

    config.THREADPOOL_SIZE = 64  # a thread for each caller
    daemon = Daemon(unixsocket=path)
    ready(str(daemon.register(expose(Echo)(), "echo")))
    daemon.requestLoop()
