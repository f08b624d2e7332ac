"""An open-loop HTTP load generator, as a process of its own: `python -m weaverlab.experiment.load '{"url": ...}'`.

Its argument is a `Workload` as JSON; on standard output it writes one line of JSON for each request, as they end.
Requests are sent when the schedule says so, whether or not earlier ones have been answered, as independent clients
would. When nobody reads the lines any more, it ends. `generator` starts it.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import sys
import threading
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from weaverlab.clock import SystemClock, system_rng
from weaverlab.experiment.workload import Answer, Workload, schedule

START_DELAY_S = 0.05  # all threads are up by then
ERROR_STATUS = 400
HEADERS = {"Content-Type": "application/json"}


def main() -> None:
    """Send the workload that the first argument describes, and write what became of each request."""
    workload = Workload(**json.loads(sys.argv[1]))
    try:
        for answer in send(workload):
            print(answer.to_line(), flush=True)
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(1)  # whoever started us has gone: an orderly exit would fail to flush what nobody reads


def send(workload: Workload) -> Iterator[Answer]:
    """Send all requests from `workload.connections` threads; yield what became of each, as they end."""
    times_s = schedule(workload, system_rng(workload.seed))
    start_s = SystemClock.now_s() + START_DELAY_S
    numbers, answers = itertools.count(), queue.SimpleQueue[Answer]()
    for _ in range(min(workload.connections, len(times_s))):
        client = Client(workload, times_s, start_s)
        threading.Thread(target=client.run, args=(numbers, answers), daemon=True).start()
    for _ in times_s:
        yield answers.get()


class Client:
    """One connection that is kept open, and the thread that uses it."""

    def __init__(self, workload: Workload, times_s: Sequence[float], start_s: float) -> None:
        self._workload = workload
        self._times_s = times_s
        self._start_s = start_s
        self._last_s = start_s + workload.total_s + workload.timeout_s  # nothing is sent after this
        url = urlsplit(workload.url)
        self._path = f"{url.path or '/'}{'?' + url.query if url.query else ''}"
        self._connection = HTTPConnection(url.hostname or "localhost", url.port, timeout=workload.timeout_s)

    def run(self, numbers: Iterator[int], answers: queue.SimpleQueue[Answer]) -> None:
        """Take the next request that no other client has taken, until there is none left."""
        while (n := next(numbers)) < len(self._times_s):  # next() of a count is atomic
            answers.put(self._one(n))
        self._connection.close()

    def _one(self, n: int) -> Answer:
        due_s = self._start_s + self._times_s[n]
        SystemClock.sleep(max(0.0, due_s - SystemClock.now_s()))
        sent_s = SystemClock.now_s()
        status, error = (0, "not sent: all connections were busy") if sent_s > self._last_s else self._exchange(n)
        latency_ms = (SystemClock.now_s() - due_s) * 1000
        is_warmup = self._workload.is_warmup(n, self._times_s)
        return Answer(n, self._times_s[n], (sent_s - due_s) * 1000, latency_ms, status, error, is_warmup)

    def _exchange(self, n: int) -> tuple[int, str]:
        """Send request `n` and read its answer to the end; return the status and what went wrong, if anything."""
        body = self._workload.body_of(n)
        try:
            self._connection.request("POST" if body else "GET", self._path, body or None, HEADERS)
            response = self._connection.getresponse()
            response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()  # the next request opens a new one
            return 0, f"{type(error).__name__}: {error}"
        failed = response.status >= ERROR_STATUS
        return response.status, f"HTTP {response.status} {response.reason}" if failed else ""


if __name__ == "__main__":
    main()
