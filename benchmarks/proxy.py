"""What the proxy before replicas costs: the same exchange with a server, directly and through the proxy.

    python benchmarks/proxy.py [--rounds 7] [--json FILE]

Client, proxy and server are three processes on one machine, as with a deployment. Rounds are interleaved, and a ratio
is that of the proxy to the direct connection *in the same round*: on a shared machine the absolute times mean little.
"trip" is 64 bytes there and back on an open connection, "connect" a new connection with one trip, "stream" 64 MiB one
way, and "32 clients" trips on 32 connections at once.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import socket
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection

from weaverlab.transport import LoopThread
from weaverlab.transport.proxy import Proxy

MESSAGE = bytes(64)
STREAM_BYTES = 64 * 1024 * 1024
PIECE = bytes(1024 * 1024)
CLIENTS = 32
TRIPS = 2000
CONNECTS = 200


def serve(ready: Connection) -> None:
    """Echo messages, or take a stream and answer it with one, until the parent is gone."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    ready.send(listener.getsockname()[1])
    ready.poll(None)


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


def stand_between(port: int, ready: Connection) -> None:
    """Run a proxy before the server until the parent is gone."""
    loop = LoopThread("proxy")
    proxy = Proxy("benchmark", "127.0.0.1:0", loop)
    proxy.set_targets([f"127.0.0.1:{port}"])
    ready.send((int(proxy.addr.rpartition(":")[2]), type(loop.loop).__module__))
    ready.poll(None)
    proxy.close(0.0)
    loop.stop()


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


def measure(rounds: int) -> tuple[str, dict[str, dict[str, float]]]:
    """Return the kind of loop, and for each case median µs of both ways, median ratio and the ratio's quartiles."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:

        def start(target: Callable[..., None], *args: object) -> object:
            ours, theirs = context.Pipe()
            process = context.Process(target=target, args=(*args, theirs), daemon=True)
            process.start()
            stack.callback(process.join)
            stack.callback(process.terminate)
            stack.callback(ours.close)  # until then it is open, which the process takes for its parent
            return ours.recv()

        direct = start(serve)
        proxied, loop = start(stand_between, direct)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
        for number in range(rounds + 1):
            for name, run in CASES.items():
                pair = run(direct), run(proxied)
                if number:  # the first round warms up
                    times[name].append(pair)
    table = {}
    for name, pairs in times.items():
        low, middle, high = statistics.quantiles([b / a for a, b in pairs], n=4, method="inclusive")
        table[name] = {
            "direct_us": statistics.median(a for a, _ in pairs),
            "proxy_us": statistics.median(b for _, b in pairs),
            "ratio": middle,
            "ratio_q1": low,
            "ratio_q3": high,
        }
    return loop, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds, at least 5 (default 7)")
    parser.add_argument("--json", metavar="FILE", help="write the table there as well")
    options = parser.parse_args()
    rounds = max(options.rounds, 5)
    loop, table = measure(rounds)
    print(f"{'case':<20}{'direct µs':>12}{'proxy µs':>12}{'x direct':>10}   quartiles   ({loop})")
    for name, row in table.items():
        quartiles = f"{row['ratio_q1']:.2f}-{row['ratio_q3']:.2f}"
        print(f"{name:<20}{row['direct_us']:>12.1f}{row['proxy_us']:>12.1f}{row['ratio']:>10.2f}   {quartiles}")
    if options.json:
        machine = {"python": platform.python_version(), "system": platform.platform(), "processors": os.cpu_count()}
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine, "rounds": rounds, "loop": loop, "cases": table}, file, indent=2)


if __name__ == "__main__":
    main()
