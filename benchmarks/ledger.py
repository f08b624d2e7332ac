"""Where the time of one tiny blocking call goes: each step by itself, in one process, without a socket.

    python -m benchmarks.ledger

A step is timed alone, in a loop, so its memory is warm and the processor guesses its branches: in a real call, two
processes take turns, and each step costs about half as much again. What the table cannot show is what every system
pays, and raw does: two system calls at each end and two changes of process. Each figure is the best of many runs.
"""

from __future__ import annotations

import pickle
import timeit
from collections.abc import Callable
from typing import Any

from weaverlab.clock import SystemClock
from weaverlab.observe import MethodMetrics
from weaverlab.runtime.dispatch import Dispatcher, HostedMethod
from weaverlab.runtime.recorder import Recorder
from weaverlab.runtime.remote import Identity
from weaverlab.transport.handler import encode_answer
from weaverlab.wire import MAX_FRAME_BYTES, FrameReader, Reply, encode_call, encode_reply

VALUE = "hello"
CALLS = 2_000
RUNS = 40


def best_us(step: Callable[[], object]) -> float:
    """Return the least time that `step` took, in microseconds."""
    return min(timeit.repeat(step, number=CALLS, repeat=RUNS)) / CALLS * 1e6


def reading(frame: bytes) -> Callable[[], Any]:
    """Return a step that reads `frame`, which lies where a socket would have put it."""
    reader = FrameReader()
    reader.buffer[: len(frame)] = frame
    return lambda: reader.received(len(frame))


def steps() -> dict[str, Callable[[], object]]:
    """Return what a call does that can be timed alone, caller first."""
    hosted = HostedMethod("echo", False, Identity("Echo", "Echo/0", ""))
    hosted.open(lambda value: value)
    dispatcher = Dispatcher([hosted], SystemClock, Recorder())
    stats = MethodMetrics().stats("caller", "Echo", "echo", remote=True)
    args, reply = (VALUE,), Reply(True, b"", VALUE)
    request, _ = encode_call(1, 0, 30.0, b"", b"", b"", args)
    (call,) = reading(request)()
    answer, _ = encode_reply(1, True, b"", VALUE)
    (replied,) = reading(answer)()
    return {
        "caller: pickle the arguments, make the frame": lambda: encode_call(1, 0, 30.0, b"", b"", b"", args),
        "callee: read the frame": reading(request),
        "callee: unpickle, set the context, run the method": lambda: dispatcher.call(call),
        "callee: pickle the value, make the frame": lambda: encode_answer(dispatcher, call, reply, MAX_FRAME_BYTES),
        "caller: read the frame": reading(answer),
        "caller: count the call": lambda: stats.record(2e-5, True, 40, 20, 0),
        "caller: unpickle the value": lambda: replied.value,
    }


def raw() -> object:
    """What the raw limit does besides its system calls."""
    request = pickle.dumps((VALUE,), 5)
    framed = len(request).to_bytes(4, "little") + request
    (value,) = pickle.loads(framed[4:])
    answer = pickle.dumps(value, 5)
    framed = len(answer).to_bytes(4, "little") + answer
    return pickle.loads(framed[4:])


def main() -> None:
    """Print the table."""
    times_us = {name: best_us(step) for name, step in steps().items()}
    for name, time_us in times_us.items():
        print(f"{name:<52}{time_us:6.2f} µs")
    print(f"{'together':<52}{sum(times_us.values()):6.2f} µs")
    print(f"{'the same for the raw limit':<52}{best_us(raw):6.2f} µs")


if __name__ == "__main__":
    main()
