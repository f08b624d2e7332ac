"""The HTTP server and client of applications under measurement, over real sockets, also with each other's strangers."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection

import pytest

from weaverlab.errors import NotFoundError, StoppedError
from weaverlab.experiment import HttpClient, HttpError, HttpServer, Route, json_routes

pytestmark = pytest.mark.usefixtures("no_process_left")


@dataclass
class Sum:
    a: int
    b: int = 1


def add(numbers: Sum) -> dict[str, int]:
    return {"sum": numbers.a + numbers.b}


def fail(numbers: Sum) -> None:
    raise KeyError("a fault of the application")


def find(numbers: Sum) -> None:
    raise NotFoundError("no such item")


def stop(numbers: Sum) -> None:
    raise StoppedError("the stores are gone")


ROUTES = {"POST /sum": Route(Sum, add), "GET /sum": Route(Sum, add), "GET /fail": Route(Sum, fail)}


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    server = HttpServer(listener, json_routes({**ROUTES, "GET /find": Route(Sum, find), "GET /stop": Route(Sum, stop)}))
    yield address
    server.close()


@pytest.fixture
def client(address: tuple[str, int]) -> Iterator[HttpClient]:
    client = HttpClient(address, timeout_s=5)
    yield client
    client.close()


def test_a_route_takes_a_body_or_a_query_and_answers_in_json(client):
    assert client.request("POST", "/sum", b'{"a": 2, "b": 3}') == b'{"sum":5}'
    assert client.request("GET", "/sum?a=2&b=5") == b'{"sum":7}'


def test_a_connection_is_kept_for_the_next_request_also_after_an_error(client):
    client.request("POST", "/sum", b'{"a": 2}')
    kept = client._connection

    with pytest.raises(HttpError):
        client.request("GET", "/nowhere")
    client.request("POST", "/sum", b'{"a": 2}')

    assert client._connection is kept


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/sum?a=x", 400, "$.a"),
        ("/sum", 400, "missing required field `a`"),
        ("/some?a=1", 404, "there are POST /sum, GET /sum"),
        ("/fail?a=1", 500, "KeyError: 'a fault of the application'"),
        ("/find?a=1", 404, "no such item"),
        ("/stop?a=1", 503, "the stores are gone"),
    ],
)
def test_what_goes_wrong_has_its_status_and_says_why(client, capsys, path, status, said):
    with pytest.raises(HttpError, match="HTTP") as failed:
        client.request("GET", path)

    assert failed.value.status == status
    assert said in failed.value.body.decode()
    assert ("Traceback" in capsys.readouterr().err) == (status == 500)


def test_pythons_own_client_is_served(address):
    connection = HTTPConnection(*address, timeout=5)
    for _ in range(2):
        connection.request("POST", "/sum", b'{"a": 2}', {"Content-Type": "application/json"})
        assert connection.getresponse().read() == b'{"sum":3}'
    connection.close()


def test_a_body_that_is_no_json_object_is_a_bad_request(address):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{address[0]}:{address[1]}/sum", b"[]", timeout=5)

    with refused.value as reply:
        assert reply.code == 400


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET /sum HTTP/1.1",
        b"POST /sum HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /sum HTTP/1.1\r\nContent-Length: 9999999999999\r\n\r\n",
        b"POST /sum HTTP/1.1\r\nContent-Length: 5\r\n\r\n{",
        b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /sum HTTP/1.1\r\n" + b"a: b\r\n" * 200,
    ],
)
def test_what_is_no_request_is_refused_and_its_connection_closed(address, sent):
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)

        reply = connection.makefile("rb").read()

    assert reply.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"expected" in reply


def test_closing_finishes_what_is_being_answered_and_ends_idle_connections():
    asked, free = threading.Event(), threading.Event()

    def wait(numbers: Sum) -> int:
        asked.set()
        assert free.wait(5)
        return numbers.a

    listener = socket.create_server(("127.0.0.1", 0))
    clients = [HttpClient(listener.getsockname(), timeout_s=5) for _ in range(2)]
    server = HttpServer(listener, json_routes({"GET /wait": Route(Sum, wait), **ROUTES}))
    replies = []
    clients[0].request("GET", "/sum?a=1")  # idle from now on
    waiting = threading.Thread(target=lambda: replies.append(clients[1].request("GET", "/wait?a=3")))
    waiting.start()
    asked.wait(5)
    closing = threading.Thread(target=server.close)
    closing.start()
    free.set()

    for thread in (waiting, closing):
        thread.join(5)

    assert replies == [b"3"]
    with pytest.raises(OSError):
        clients[0].request("GET", "/sum?a=1")
    clients[1].close()
