"""The load generator, in its own process, against a real HTTP server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from weaverlab.errors import WeaverError
from weaverlab.experiment import Workload, generate

pytestmark = pytest.mark.usefixtures("no_process_left")


class Service:
    """What the server did: the bodies it got, and how many connections they came over. It can be told to block.

    While `free` is cleared every request waits; the first one to wait for `hold_s` sets it.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.connections = 0
        self.status = 201
        self.free = threading.Event()
        self.free.set()
        self.hold_s: float | None = None
        self.url = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, service: Service, *args) -> None:
        self.service = service
        service.connections += 1
        super().__init__(*args)

    def do_POST(self) -> None:
        self.service.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.service.free.wait(self.service.hold_s):
            self.service.free.set()
        self.send_response(self.service.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, service)) as server:
        service.url = f"http://127.0.0.1:{server.server_address[1]}/posts"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield service
        service.free.set()
        server.shutdown()
        thread.join()


def test_every_request_is_sent_once_answered_and_timed(service):
    seen = []

    answers = generate(Workload(service.url, 200, 0.2, '{"id": "{n}"}', warmup_s=0.05, connections=4), seen.append)

    assert sorted(json.loads(body)["id"] for body in service.bodies) == sorted(str(n) for n in range(50))
    assert [answer.n for answer in answers] == list(range(50))
    assert all(answer.is_ok and answer.status == 201 and answer.latency_ms > 0 for answer in answers)
    assert [answer.is_warmup for answer in answers] == [True] * 10 + [False] * 40
    assert sorted(seen, key=lambda answer: answer.n) == answers


def test_connections_are_few_and_kept_open(service):
    generate(Workload(service.url, 200, 0.2, "x", connections=3))

    assert service.connections <= 3


def test_a_server_that_holds_its_clients_up_cannot_look_fast(service):
    """The first request is held for 0.3 s; those behind it on the one connection count from their own due time."""
    service.hold_s = 0.3
    service.free.clear()

    answers = generate(Workload(service.url, 100, 0.1, "x", connections=1))

    assert all(answer.latency_ms > 150 for answer in answers)
    assert answers[-1].late_ms > 150


def test_an_error_status_is_an_error(service):
    service.status = 503

    answers = generate(Workload(service.url, 100, 0.05, "x"))

    assert {(answer.status, answer.error) for answer in answers} == {(503, "HTTP 503 Service Unavailable")}


def test_a_server_that_is_not_there_gives_errors_and_no_figures():
    answers = generate(Workload("http://127.0.0.1:9/", 100, 0.05, "x"))

    assert len(answers) == 5
    assert all(not answer.is_ok and answer.status == 0 and "ConnectionRefused" in answer.error for answer in answers)


def test_what_could_not_be_sent_in_time_is_counted_and_nothing_waits_for_ever(service):
    service.free.clear()

    answers = generate(Workload(service.url, 30, 0.2, "x", connections=1, timeout_s=0.1))

    errors = [answer.error for answer in answers]
    assert len(errors) == 6
    assert errors[0].startswith("TimeoutError")
    assert errors[-1] == "not sent: all connections were busy"
    assert max(answer.latency_ms for answer in answers) < 1000


def test_a_generator_that_fails_is_reported(service, capfd):
    with pytest.raises(WeaverError, match="exit code 1 after 0 answers"):
        generate(Workload(service.url, rate=0, duration_s=1))

    assert "ZeroDivisionError" in capfd.readouterr().err


def test_the_generator_ends_when_nobody_reads_its_answers(service):
    workload = json.dumps(asdict(Workload(service.url, 100, 600, "x")))
    command = [sys.executable, "-m", "weaverlab.experiment.load", workload]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()

        process.stdout.close()

        assert process.stderr.read() == ""
        assert process.wait(timeout=10) == 1


def test_ctrl_c_ends_the_generator_too(service):
    """The interrupt comes with the first answer, as if somebody had pressed Ctrl-C just then."""

    def interrupt(answer: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        generate(Workload(service.url, 100, 600, "x"), interrupt)
