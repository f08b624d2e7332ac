"""The fields a component declares and WeaverLab fills: `Ref` and `Listener`.

A field marker carries `__weaver_field__`; the datastore agent (`Antipode`, in `stores`) is a third one, known here only
by that mark. Sockets are bound, and handles made, by the runtime: nothing in here does I/O.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar, overload

from weaverlab.component.annotations import Uncached
from weaverlab.errors import WeaverError

T = TypeVar("T")


class Ref(Uncached, Generic[T]):
    """A field that holds a handle to another component: `storage: Ref[PostStorage]`.

    Call the handle as if it were the component; whether the call stays in this process or crosses to another one is
    decided at deployment. The argument is an interface or an implementation class, as a string if it is defined later.

    Refs are never made: the class is a descriptor only so that a type checker sees `self.storage` as a `PostStorage`.
    """

    __weaver_field__: ClassVar[str] = "ref"

    def __init__(self) -> None:
        raise TypeError("a Ref is declared, not made: write `name: Ref[Interface]` in the body of the component")

    @overload
    def __get__(self, instance: None, owner: type) -> Ref[T]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> T: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> Ref[T] | T:
        raise NotImplementedError


class Listener:
    """A network listener with a name: `web: Listener`, or `web = Listener(name="hello")` for another name.

    As a field it is a declaration; inside a running component the same field holds the bound listener. Its address
    comes from `[listeners]`, `[single.listeners]` or `[multi.listeners]` of weaver.toml, or is a free port of this
    machine. Between processes that is the address of a proxy before all replicas, each of which listens at a port of
    its own: clients connect to `str(listener)`. Any server takes the socket:

        server = ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False)  # http.server, and the next line:
        server.socket.close(); server.socket = self.web.socket
        waitress.serve(wsgi_app, sockets=[self.web.socket])
        werkzeug.serving.make_server("", 0, wsgi_app, fd=self.web.socket.fileno())  # what Flask runs on
        uvicorn.Server(uvicorn.Config(asgi_app)).run(sockets=[self.web.socket])
        websockets.sync.server.serve(handler, sock=self.web.socket)
        asyncio.start_server(handler, sock=self.web.socket)
        connection, peer = self.web.socket.accept()
    """

    __weaver_field__: ClassVar[str] = "listener"

    def __init__(self, name: str = "", *, socket: Any = None, proxy_addr: str = "") -> None:
        """Declare a listener, or (the runtime, with `socket`) hold a bound and listening one."""
        self.name = name
        self._socket = socket
        self._addr = "" if socket is None else _shown(socket.getsockname())  # also when a server has closed it
        self._proxy_addr = proxy_addr

    @property
    def socket(self) -> Any:
        """The bound, listening `socket.socket`; hand it to any server."""
        self._require_bound()
        return self._socket

    @property
    def addr(self) -> str:
        """Where this replica listens, as `host:port`."""
        self._require_bound()
        return self._addr

    @property
    def proxy_addr(self) -> str:
        """Where clients should connect: the proxy in front of all replicas, or `addr` when there is none."""
        return self._proxy_addr or self.addr

    def __str__(self) -> str:
        return self.proxy_addr

    def __repr__(self) -> str:
        return f"<Listener {self.name!r} {'not bound' if self._socket is None else self.proxy_addr}>"

    def _require_bound(self) -> None:
        if self._socket is None:
            raise WeaverError(
                f"Listener {self.name!r} is not bound yet: WeaverLab binds it after __init__ and before init(). "
                "Use it in init(), main() or a method of a deployed component."
            )


def _shown(name: Any) -> str:
    """Return what `getsockname()` said as an address."""
    if not isinstance(name, tuple):
        return str(name)  # a UNIX-domain socket: its path
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
