"""What a call costs beside the least that two processes could pay: a raw UNIX socket and pickle.

    python benchmarks/call.py [--rounds 7] [--pin] [--json FILE]

Every figure is the median over interleaved rounds, with the quartiles of the ratio to the raw socket *in the same
round*: on a shared machine the absolute times mean little. Server and client are two processes, free to run on any
processor, or both on one with --pin: waking a process on another processor is what differs most. "raw" is a 4-byte
length, C pickle protocol 5 and a blocking socket, nothing else; for 32 callers it is 32 threads with a connection
each. "sync" and "async" are the data plane alone; "handle" is the call an author makes, to a deployed component with
lineage, deadline, metrics and retry in place.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import pickle
import platform
import socket
import statistics
import struct
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import numpy

import weaverlab as weaver
from weaverlab import Component
from weaverlab.transport import AsyncChannel, Call, Reply, Server, SyncPool

SECRET = bytes(32)
LENGTH = struct.Struct("<I")
TIMEOUT_S = 30.0
CALLERS = 32
RECORD = {"id": "post-17", "author": "ann", "tags": ["a", "b", "c"], "likes": list(range(40)), "text": "x" * 700}
ARRAY = numpy.arange(1024 * 1024 // 8, dtype=float)


class Echo:
    """Answers every call with its first argument."""

    def call(self, call: Call) -> Reply:
        return Reply(call.call_id, True, b"", call.args()[0])

    async def call_async(self, call: Call) -> Reply:
        return Reply(call.call_id, True, b"", call.args()[0])

    def failure(self, call: Call, error: BaseException) -> object:
        return repr(error)


def serve(directory: str, ready: multiprocessing.connection.Connection) -> None:
    """Run both servers until the parent is gone."""
    raw = socket.socket(socket.AF_UNIX)
    raw.bind(f"{directory}/raw")
    raw.listen(64)
    threading.Thread(target=_serve_raw, args=(raw,), daemon=True).start()
    Server(f"unix:{directory}/weaverlab", SECRET, Echo(), print).start()
    ready.send(True)
    ready.poll(None)


def _serve_raw(listener: socket.socket) -> None:
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_echo_raw, args=(sock,), daemon=True).start()


def _echo_raw(sock: socket.socket) -> None:
    while head := sock.recv(4):
        (value,) = pickle.loads(_receive(sock, LENGTH.unpack(head)[0]))
        data = pickle.dumps(value, 5)
        sock.sendall(LENGTH.pack(len(data)) + data)


def _receive(sock: socket.socket, count: int) -> bytes:
    data = sock.recv(count)
    if len(data) == count:
        return data
    rest = bytearray(count - len(data))
    sock.recv_into(rest, 0, socket.MSG_WAITALL)
    return data + rest


class RawClient:
    """The limit: nothing but length, pickle and socket."""

    def __init__(self, directory: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(f"{directory}/raw")

    def call(self, value: object) -> object:
        data = pickle.dumps((value,), 5)
        self.sock.sendall(LENGTH.pack(len(data)) + data)
        return pickle.loads(_receive(self.sock, LENGTH.unpack(self.sock.recv(4))[0]))


def time_each(call: Callable[[object], object], value: object, count: int) -> float:
    """Return the mean µs of one call out of `count`, one after the other."""
    started_s = time.perf_counter()
    for _ in range(count):
        call(value)
    return (time.perf_counter() - started_s) / count * 1e6


def time_threads(calls: list[Callable[[object], object]], count: int) -> float:
    """Return µs per call when each of `calls` is used by a thread of its own."""
    threads = [threading.Thread(target=time_each, args=(call, 1, count)) for call in calls]
    started_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - started_s) / count / len(calls) * 1e6


class EchoService(Component):
    """What the handles call."""

    def echo(self, value: object) -> object:
        return value

    async def echo_async(self, value: object) -> object:
        return value


class LoopClient:
    """An async caller on its own loop, measured from inside a coroutine."""

    def __init__(self, directory: str, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.channel = loop.run_until_complete(self._open(directory))

    async def _open(self, directory: str) -> AsyncChannel:
        return AsyncChannel(f"unix:{directory}/weaverlab", SECRET)

    async def echo(self, value: object) -> object:
        return (await self.channel.call(0, (value,), TIMEOUT_S)).value

    def time_each(self, value: object, count: int) -> float:
        return self.loop.run_until_complete(self.time(self.echo, value, count, 1))

    def time_callers(self, count: int) -> float:
        return self.loop.run_until_complete(self.time(self.echo, 1, count, CALLERS))

    def time_handle(self, handle: EchoService, count: int, callers: int) -> float:
        return self.loop.run_until_complete(self.time(handle.echo_async, 1, count, callers))

    @staticmethod
    async def time(echo: Callable[[object], Awaitable[object]], value: object, count: int, callers: int) -> float:
        async def repeat() -> None:
            for _ in range(count):
                await echo(value)

        started_s = time.perf_counter()
        await asyncio.gather(*(repeat() for _ in range(callers)))
        return (time.perf_counter() - started_s) / count / callers * 1e6

    def close(self) -> None:
        self.channel.close()
        self.loop.close()


def open_loops(directory: str) -> dict[str, LoopClient]:
    """Return a client for each kind of event loop that is installed."""
    loops = {"asyncio": LoopClient(directory, asyncio.new_event_loop())}
    try:
        import uvloop
    except ImportError:
        return loops
    return {**loops, "uvloop": LoopClient(directory, uvloop.new_event_loop())}


def cases(directory: str, stack: ExitStack) -> dict[str, tuple[str, Callable[[], float]]]:
    """Return name -> (name of the raw case it is compared with, measurement in µs per call)."""
    raws = [RawClient(directory) for _ in range(CALLERS)]
    for client in raws:
        stack.callback(client.sock.close)
    pool = SyncPool(f"unix:{directory}/weaverlab", SECRET)
    stack.callback(pool.close)
    raw = raws[0].call

    def sync(value: object) -> object:
        return pool.call(0, (value,), TIMEOUT_S).value

    handle = stack.enter_context(weaver.deploy(EchoService)).get(EchoService)
    found: dict[str, tuple[str, Callable[[], float]]] = {
        "raw tiny": ("raw tiny", lambda: time_each(raw, 1, 2000)),
        "sync tiny": ("raw tiny", lambda: time_each(sync, 1, 2000)),
        "handle sync tiny": ("raw tiny", lambda: time_each(handle.echo, 1, 2000)),
    }
    loops = open_loops(directory)
    for name, client in loops.items():
        stack.callback(client.close)
        found[f"{name} tiny"] = ("raw tiny", lambda client=client: client.time_each(1, 2000))
        found[f"handle {name} tiny"] = ("raw tiny", lambda client=client: client.time_handle(handle, 2000, 1))
    found["raw 1 KiB record"] = ("raw 1 KiB record", lambda: time_each(raw, RECORD, 1000))
    found["sync 1 KiB record"] = ("raw 1 KiB record", lambda: time_each(sync, RECORD, 1000))
    found["handle 1 KiB record"] = ("raw 1 KiB record", lambda: time_each(handle.echo, RECORD, 1000))
    found["raw 1 MiB ndarray"] = ("raw 1 MiB ndarray", lambda: time_each(raw, ARRAY, 50))
    found["sync 1 MiB ndarray"] = ("raw 1 MiB ndarray", lambda: time_each(sync, ARRAY, 50))
    found["handle 1 MiB ndarray"] = ("raw 1 MiB ndarray", lambda: time_each(handle.echo, ARRAY, 50))
    found["sync 1 MiB bytes"] = ("raw 1 MiB ndarray", lambda data=bytes(1 << 20): time_each(sync, data, 50))
    found["raw 32 threads"] = ("raw 32 threads", lambda: time_threads([client.call for client in raws], 60))
    found["sync 32 threads"] = ("raw 32 threads", lambda: time_threads([sync] * CALLERS, 60))
    found["handle 32 threads"] = ("raw 32 threads", lambda: time_threads([handle.echo] * CALLERS, 60))
    for name, client in loops.items():
        found[f"handle {name} 32 tasks"] = (
            "raw 32 threads",
            lambda client=client: client.time_handle(handle, 100, CALLERS),
        )
        found[f"{name} 32 tasks"] = ("raw 32 threads", lambda client=client: client.time_callers(100))
        found[f"{name} 1 MiB ndarray"] = ("raw 1 MiB ndarray", lambda client=client: client.time_each(ARRAY, 50))
    return found


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Return for each case the median µs, the median ratio to raw and the ratio's quartiles."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="wl-"))
        ours, theirs = context.Pipe()
        server = context.Process(target=serve, args=(directory, theirs), daemon=True)
        server.start()
        stack.callback(server.join)
        stack.callback(server.terminate)
        ours.recv()
        all_cases = cases(directory, stack)
        for _, run in all_cases.values():
            run()  # opens connections, fills caches; not counted
        times: dict[str, list[float]] = {name: [] for name in all_cases}
        for _ in range(rounds):
            for name, (_, run) in all_cases.items():
                times[name].append(run())
    table = {}
    for name, (base, _) in all_cases.items():
        ratios = [mine / raw for mine, raw in zip(times[name], times[base], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        table[name] = {"us": statistics.median(times[name]), "ratio": middle, "ratio_q1": low, "ratio_q3": high}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds, at least 5 (default 7)")
    parser.add_argument("--json", metavar="FILE", help="write the table there as well")
    parser.add_argument("--pin", action="store_true", help="run both processes on one processor")
    options = parser.parse_args()
    if options.pin:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    table = measure(max(options.rounds, 5))
    print(f"{'case':<24}{'µs/call':>10}{'calls/s':>10}{'x raw':>8}   quartiles")
    for name, row in table.items():
        quartiles = f"{row['ratio_q1']:.2f}-{row['ratio_q3']:.2f}"
        print(f"{name:<24}{row['us']:>10.1f}{1e6 / row['us']:>10,.0f}{row['ratio']:>8.2f}   {quartiles}")
    if options.json:
        machine = {"python": platform.python_version(), "system": platform.platform(), "processors": os.cpu_count()}
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(
                {"machine": machine, "rounds": options.rounds, "pinned": options.pin, "cases": table}, file, indent=2
            )


if __name__ == "__main__":
    main()
