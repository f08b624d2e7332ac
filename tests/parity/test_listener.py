"""`Listener`: a named network listener for any server, at one address for all replicas of its component."""

from __future__ import annotations

import os
import signal
import socketserver
from collections.abc import Callable
from contextlib import ExitStack, closing
from socket import create_connection

import httpx
import pytest
import websockets.sync.client

import weaverlab as weaver
from tests.transport import servers
from weaverlab import Component, Listener
from weaverlab.errors import DeclarationError

PATIENCE_S = 20


class Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.readline().upper())


class Site(Component):
    http: Listener
    wsgi: Listener
    asgi: Listener
    websocket: Listener
    raw: Listener = Listener(name="tcp")

    def init(self) -> None:
        self.servers = ExitStack()
        self.servers.enter_context(servers.http_server(self.http))
        self.servers.enter_context(servers.wsgi_server(self.wsgi))
        self.servers.enter_context(servers.uvicorn_server(self.asgi))
        self.servers.enter_context(servers.websocket_server(self.websocket))
        server = socketserver.ThreadingTCPServer(("", 0), Echo, bind_and_activate=False)
        server.socket.close()
        server.socket = self.raw.socket
        self.servers.enter_context(servers.running(lambda: server.serve_forever(0.01), server.shutdown))

    def addresses(self) -> dict[str, tuple[str, str]]:
        listeners = (self.http, self.wsgi, self.asgi, self.websocket, self.raw)
        return {listener.name: (str(listener), listener.proxy_addr) for listener in listeners}

    def shutdown(self) -> None:
        self.servers.close()


def test_any_server_takes_the_socket_and_clients_connect_to_the_listener(deployer: str) -> None:
    with weaver.deploy(Site, deployer=deployer) as app:
        for name in ("http", "wsgi", "asgi"):
            url = f"http://{app.listener(name)}/"
            assert httpx.post(url, content=b"over HTTP", timeout=PATIENCE_S).content == b"over HTTP"
        with websockets.sync.client.connect(f"ws://{app.listener('websocket')}/") as connection:
            connection.send("over a WebSocket")
            assert connection.recv(PATIENCE_S) == "over a WebSocket"
        host, _, port = app.listener("tcp").rpartition(":")
        with closing(create_connection((host, int(port)), PATIENCE_S)) as plain:
            plain.sendall(b"over tcp\n")
            assert plain.recv(100) == b"OVER TCP\n"

        for name, (shown, proxy_addr) in app.get(Site).addresses().items():
            assert shown == proxy_addr == app.listener(name)


class Replica(Component):
    web: Listener

    def init(self) -> None:
        self.servers = ExitStack()
        self.servers.enter_context(servers.wsgi_server(self.web, self.answer))

    def answer(self, environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{self.weaver.replica} {os.getpid()} {self.web.addr}".encode()]

    def shutdown(self) -> None:
        self.servers.close()


def _ask(app: weaver.Deployment) -> tuple[str, int, str]:
    replica, pid, addr = httpx.get(f"http://{app.listener('web')}/", timeout=PATIENCE_S).text.split()
    return replica, int(pid), addr


def test_replicas_share_one_address_and_have_their_own(deployer: str) -> None:
    with weaver.deploy(Replica, deployer=deployer, replicas={Replica: 2}) as app:
        replicas = {replica.id for replica in app.replicas(Replica)}

        answers = [_ask(app) for _ in range(10)]

    assert {replica for replica, _, _ in answers} == replicas
    assert len({addr for _, _, addr in answers}) == len(replicas)


@pytest.mark.parametrize("deployer", ["multi"], indirect=True)  # where a replica can die alone
def test_when_a_replica_dies_the_address_stays_and_others_answer(deployer: str) -> None:
    with weaver.deploy(Replica, deployer=deployer, replicas={Replica: 2}) as app:
        _, pid, _ = _ask(app)
        os.kill(pid, signal.SIGKILL)

        answers = [_ask(app) for _ in range(10)]

    assert pid not in {pid for _, pid, _ in answers}


def test_names_of_listeners_are_unique(deployer: str) -> None:
    class Other(Component):
        socket: Listener = Listener(name="web")

    with pytest.raises(DeclarationError, match=r"Listener 'web' is declared by Replica\.web and Other\.socket"):
        weaver.deploy(Replica, Other, deployer=deployer)
