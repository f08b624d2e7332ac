"""What this project has set itself, one goal a row. Not in here: whether they are met, which is `table`'s to say.

The goals were set from measurements of the raw limits and of the peers on a machine of two processors; `source` names
the section (1 calls, 2 colocated calls, 3 serialisation, 4 start-up) and the words in which a goal was set. All are
for the handle, with lineage, deadline, metrics, retry and authentication in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Quantity = Literal[
    "value",  # in the unit of the figure
    "ratio",  # to the limit of the same round
    "speed",  # limit / figure
    "calls/s",
    "GB/s",
    "times",  # how many times as fast as `other`, each by its ratio to the raw limit
]


@dataclass(frozen=True)
class Goal:
    source: str
    suite: str
    system: str
    case: str
    quantity: Quantity
    relation: Literal["<=", ">="]
    limit: float
    other: str = ""
    is_stretch: bool = False


TINY = "1: tiny call, sync: <= 1.3 x raw, and faster than BaseManager and Pipe"
TINY_ASYNC = "1: tiny call, async: <= 1.6 x raw with uvloop, <= 1.9 x with plain asyncio"
RECORD = "1: 1 KiB record: <= 1.2 x raw"
LARGE = "1: 1 MiB ndarray or bytes echo: <= 0.5 ms, one way >= 3.5 GB/s"
STRETCH = "1: stretch: 0.3 ms and >= 9 GB/s through shared memory"
THREADS = "1: 32 sync callers: >= 1.0 x raw with 32 threads, >= 1.4 x BaseManager"
TASKS = "1: 32 async callers: >= 100k calls/s with uvloop, >= 80k with asyncio (>= 5 x zmq.asyncio)"
BESIDE = "1: beside a CPU-bound thread: the tiny call's p50 <= 1 ms"
COLOCATED = "2: <= 110 ns with counters and trace check, <= 300 ns timed, an async call adds no task"
# Differences under about 20 % mean nothing on such a machine, so "the same cost" is a ratio of up to 1.2.
NOTEBOOK = "3: values of notebook classes cost what values of imported classes cost"
NO_BODY = "3: no class body is on the wire after the deployment"
IMPORT = "4: import weaverlab <= 60 ms above the interpreter"
DEPLOY = "4: deploy 8 processes to first answer of each: <= 300 ms cold, <= 75 ms warm, <= 60 MB extra memory"

GOALS = (
    Goal(TINY, "calls", "handle", "tiny", "ratio", "<=", 1.3),
    Goal(TINY, "calls", "handle", "tiny", "times", ">=", 1.0, other="BaseManager"),
    Goal(TINY, "calls", "handle", "tiny", "times", ">=", 1.0, other="Pipe"),
    Goal(TINY_ASYNC, "calls", "handle, uvloop", "tiny", "ratio", "<=", 1.6),
    Goal(TINY_ASYNC, "calls", "handle, asyncio", "tiny", "ratio", "<=", 1.9),
    Goal(RECORD, "calls", "handle", "1 KiB record", "ratio", "<=", 1.2),
    Goal(LARGE, "calls", "handle", "1 MiB ndarray", "value", "<=", 500.0),
    Goal(LARGE, "calls", "handle", "1 MiB bytes", "value", "<=", 500.0),
    Goal(LARGE, "calls", "handle", "1 MiB one way", "GB/s", ">=", 3.5),
    Goal(STRETCH, "calls", "handle", "1 MiB ndarray", "value", "<=", 300.0, is_stretch=True),
    Goal(STRETCH, "calls", "handle", "16 MiB one way", "GB/s", ">=", 9.0, is_stretch=True),
    Goal(THREADS, "calls", "handle", "32 callers", "speed", ">=", 1.0),
    Goal(THREADS, "calls", "handle", "32 callers", "times", ">=", 1.4, other="BaseManager"),
    Goal(TASKS, "calls", "handle, uvloop", "32 callers", "calls/s", ">=", 100_000),
    Goal(TASKS, "calls", "handle, asyncio", "32 callers", "calls/s", ">=", 80_000),
    Goal(TASKS, "calls", "handle, asyncio", "32 callers", "times", ">=", 5.0, other="zmq.asyncio"),
    Goal(BESIDE, "beside", "handle", "p50, thread in the caller", "value", "<=", 1000.0),
    Goal(BESIDE, "beside", "handle", "p50, thread in the callee", "value", "<=", 1000.0),
    Goal(BESIDE, "beside", "handle, asyncio", "p50, thread in the caller", "value", "<=", 1000.0),
    Goal(BESIDE, "beside", "handle, asyncio", "p50, thread in the callee", "value", "<=", 1000.0),
    Goal(COLOCATED, "colocated", "local handle", "call", "value", "<=", 110.0),
    Goal(COLOCATED, "colocated", "local handle, timed", "call", "value", "<=", 300.0),
    Goal(COLOCATED, "colocated", "local handle, async", "tasks per call", "value", "<=", 0.0),
    Goal(NOTEBOOK, "serialisation", "WeaverLab", "dump class of a notebook", "ratio", "<=", 1.2),
    Goal(NOTEBOOK, "serialisation", "WeaverLab", "load class of a notebook", "ratio", "<=", 1.2),
    Goal(NOTEBOOK, "serialisation", "WeaverLab", "call with class of a notebook", "ratio", "<=", 1.2),
    Goal(NO_BODY, "serialisation", "WeaverLab", "bytes of class of a notebook", "ratio", "<=", 1.05),
    Goal(IMPORT, "startup", "", "import weaverlab, above it", "value", "<=", 60.0),
    Goal(DEPLOY, "startup", "", "deploy 8 processes, cold", "value", "<=", 300.0),
    Goal(DEPLOY, "startup", "", "deploy 8 processes, warm", "value", "<=", 75.0),
    Goal(DEPLOY, "startup", "", "memory of 8 processes", "value", "<=", 60.0),
)
