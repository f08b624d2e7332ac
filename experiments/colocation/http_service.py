"""The same components as separate HTTP services: what a team would build that has no component framework.

    python http_service.py standard Checkout 5 '{"Carts": "127.0.0.1:4001", "Catalog": "127.0.0.1:4002", ...}'

starts one component, whose refs are filled with stubs that speak JSON over HTTP to those addresses. It serves on the
listening socket with that file descriptor, prints a line when it does, and ends when its standard input ends.

No straw man: connections are kept open, a thread serves each, msgspec encodes and decodes to the declared types. The
first argument is the HTTP between services: "standard" is what Python comes with (`standard_http.py`); "lean" reads no
more of a head than it must, and is as fast as HTTP gets in plain Python (`weaverlab.experiment`).
"""

from __future__ import annotations

import json
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, get_type_hints

import msgspec
from frontend import Frontend
from standard_http import StandardClient, StandardServer

from weaverlab.component import ComponentSpec, build_application
from weaverlab.experiment import HttpClient, HttpServer
from weaverlab.experiment.http_server import Answer, Reply, Request, error_reply

STACKS: dict[str, tuple[Any, Any]] = {  # server and client
    "standard": (StandardServer, StandardClient),
    "lean": (HttpServer, HttpClient),
}
Connect = Callable[[tuple[str, int], float], Any]  # address and timeout to a client
SHOP = build_application([Frontend])
TIMEOUT_S = 10.0


def main() -> None:
    """Start the component that the arguments describe."""
    stack, name, descriptor, addresses = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
    server, client = STACKS[stack]
    listener = socket.socket(fileno=descriptor)
    spec = SHOP.components[name]
    component = assemble(spec, addresses, client, listener)
    # The frontend serves pages by itself; all others serve their methods.
    close = component.shutdown if spec.is_main else server(listener, answer_for(spec, component)).close
    print("ready", flush=True)
    sys.stdin.read()
    close()


def assemble(spec: ComponentSpec, addresses: Mapping[str, str], client: Connect, listener: socket.socket) -> Any:
    """Return an instance of a component, with stubs for its refs that use `client`; the frontend gets the listener."""
    component: Any = spec.implementation()
    for field, callee in spec.refs.items():
        setattr(component, field, Stub(SHOP.components[callee], addresses[callee], client))
    for field in spec.listeners:
        setattr(component, field, SimpleNamespace(socket=listener))
    if hasattr(component, "init"):
        component.init()
    return component


def answer_for(spec: ComponentSpec, component: Any) -> Answer:
    """Return what answers `POST /method` with a JSON array of arguments."""
    routes = {}
    for name, hints in _hints_by_method(spec).items():
        arguments = [hint for parameter, hint in hints.items() if parameter != "return"]
        takes: Any = tuple.__class_getitem__(tuple(arguments))
        routes[f"/{name}"] = (msgspec.json.Decoder(takes), getattr(component, name))

    def answer(request: Request) -> Reply:
        route = routes.get(request.path)
        if route is None:
            return error_reply(HTTPStatus.NOT_FOUND, f"there are {', '.join(routes)}")
        decoder, function = route
        try:
            return Reply(HTTPStatus.OK, msgspec.json.encode(function(*decoder.decode(request.body))))
        except Exception as error:
            return error_reply(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}")

    return answer


class Stub:
    """Calls a component at `address`; its methods are functions, as those of a handle are."""

    def __init__(self, callee: ComponentSpec, address: str, client: Connect) -> None:
        host, _, port = address.partition(":")
        self._connect = partial(client, (host, int(port)), TIMEOUT_S)
        self._idle: deque[Any] = deque()  # connections that nobody uses; the last one used is the next one
        for name, hints in _hints_by_method(callee).items():
            setattr(self, name, self._function(f"/{name}", msgspec.json.Decoder(hints["return"])))

    def _function(self, path: str, decoder: msgspec.json.Decoder[Any]) -> Callable[..., Any]:
        def call(*args: object) -> Any:
            try:
                client = self._idle.pop()
            except IndexError:
                client = self._connect()
            try:
                return decoder.decode(client.request("POST", path, msgspec.json.encode(args)))
            finally:
                self._idle.append(client)

        return call


def _hints_by_method(spec: ComponentSpec) -> dict[str, dict[str, Any]]:
    """Return the types of each method's parameters, and under "return" that of its result."""
    return {method.name: get_type_hints(getattr(spec.interface, method.name)) for method in spec.methods}


if __name__ == "__main__":
    main()
