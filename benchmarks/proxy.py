"""What the proxy before replicas costs: the same exchange with a server, directly and through the proxy.

    python -m benchmarks.proxy [--rounds 7] [--json FILE]

Client, proxy and server are three processes on one machine, as with a deployment. Rounds are interleaved, and a ratio
is that of the proxy to the direct connection *in the same round*: on a shared machine the absolute times mean little.
"trip" is 64 bytes there and back on an open connection, "connect" a new connection with one trip, "stream" 64 MiB one
way, and "32 clients" trips on 32 connections at once.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.serving import ServerProcess
from benchmarks.summary import Spread, spread
from weaverlab.experiment import manifest, write_json
from weaverlab.transport import LoopThread
from weaverlab.transport.proxy import Proxy

MESSAGE = bytes(64)
STREAM_BYTES = 64 * 1024 * 1024
PIECE = bytes(1024 * 1024)
CLIENTS = 32
TRIPS = 2000
CONNECTS = 200


def serve(ready: Callable[[object], None]) -> None:
    """Echo messages, or take a stream and answer it with one."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    ready(listener.getsockname()[1])


def _accept(listener: socket.socket) -> None:
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(sock,), daemon=True).start()


def _answer(sock: socket.socket) -> None:
    kind = sock.recv(1)
    if kind == b"s":
        scratch, left = bytearray(len(PIECE)), STREAM_BYTES
        while left:
            left -= sock.recv_into(scratch)
        sock.sendall(MESSAGE)
    while data := sock.recv(len(MESSAGE)):
        sock.sendall(data)
    sock.close()


def stand_between(ready: Callable[[object], None], port: int) -> None:
    """Run a proxy before the server."""
    loop = LoopThread("proxy")
    proxy = Proxy("benchmark", "127.0.0.1:0", loop)
    proxy.set_targets([f"127.0.0.1:{port}"])
    ready((int(proxy.addr.rpartition(":")[2]), type(loop.loop).__module__))
    threading.Event().wait()  # the proxy and its loop live as long as this frame


def open_connection(port: int, kind: bytes) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(kind)
    return sock


def trip(sock: socket.socket) -> None:
    sock.sendall(MESSAGE)
    left = len(MESSAGE)
    while left:
        left -= len(sock.recv(left))


def time_trips(port: int) -> float:
    """Return µs of one trip."""
    with open_connection(port, b"t") as sock:
        started_s = time.perf_counter()
        for _ in range(TRIPS):
            trip(sock)
        return (time.perf_counter() - started_s) / TRIPS * 1e6


def time_connects(port: int) -> float:
    """Return µs of a connection with one trip."""
    started_s = time.perf_counter()
    for _ in range(CONNECTS):
        with open_connection(port, b"t") as sock:
            trip(sock)
    return (time.perf_counter() - started_s) / CONNECTS * 1e6


def time_stream(port: int) -> float:
    """Return µs of one MiB of a stream."""
    with open_connection(port, b"s") as sock:
        started_s = time.perf_counter()
        for _ in range(STREAM_BYTES // len(PIECE)):
            sock.sendall(PIECE)
        sock.recv(len(MESSAGE), socket.MSG_WAITALL)
        return (time.perf_counter() - started_s) / (STREAM_BYTES // len(PIECE)) * 1e6


def time_clients(port: int) -> float:
    """Return µs for each trip when 32 clients make theirs at once."""
    socks = [open_connection(port, b"t") for _ in range(CLIENTS)]
    started_s = time.perf_counter()
    for _ in range(TRIPS // CLIENTS):
        for sock in socks:
            sock.sendall(MESSAGE)
        for sock in socks:
            sock.recv(len(MESSAGE), socket.MSG_WAITALL)
    elapsed_s = time.perf_counter() - started_s
    for sock in socks:
        sock.close()
    return elapsed_s / (TRIPS // CLIENTS * CLIENTS) * 1e6


CASES: dict[str, Callable[[int], float]] = {
    "trip": time_trips,
    "connect": time_connects,
    "stream, a MiB": time_stream,
    "32 clients, a trip": time_clients,
}


def measure(rounds: int) -> tuple[str, dict[str, list[tuple[float, float]]]]:
    """Return the kind of loop, and for each case the µs of both ways in each round: directly, through the proxy."""
    with ExitStack() as stack:

        def start(body: Callable[..., None], *args: object) -> Any:
            server = ServerProcess(body, *args)
            stack.callback(server.stop)
            return server.said

        direct = start(serve)
        proxied, loop = start(stand_between, direct)
        times_us: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
        for number in range(rounds + 1):
            for name, run in CASES.items():
                pair = run(direct), run(proxied)
                if number:  # the first round warms up
                    times_us[name].append(pair)
    return loop, times_us


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds, at least 5 (default 7)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw numbers there, with a manifest")
    options = parser.parse_args()
    facts = manifest("proxy", {"rounds": max(options.rounds, 5)}, config="")
    loop, times_us = measure(max(options.rounds, 5))
    print(f"{'case':<20}{'direct µs':>12}{'proxy µs':>12}{'x direct':>10}   quartiles   ({loop})")
    for name, pairs in times_us.items():
        direct, proxied, ratio = columns(pairs)
        quartiles = f"{ratio.q1:.2f}-{ratio.q3:.2f}"
        print(f"{name:<20}{direct.median:>12.1f}{proxied.median:>12.1f}{ratio.median:>10.2f}   {quartiles}")
    if options.json:
        write_json(options.json, {"manifest": facts, "loop": loop, "times_us": times_us})


def columns(pairs: list[tuple[float, float]]) -> tuple[Spread, Spread, Spread]:
    """Return what the rounds of a case took directly, through the proxy, and the ratio within each round."""
    direct, proxied = zip(*pairs, strict=True)
    return spread(direct), spread(proxied), spread(proxy / alone for alone, proxy in pairs)


if __name__ == "__main__":
    main()
