"""Measures the replication lag while load is sent: writes posts of its own in eu, and sees when they are in us.

The lag that a configuration asks for is not the one that applies: a log that is read in order, a busy machine, a server
that applies writes in batches all add to it. What a window is compared with is the lag that was there.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from app import Post, PostReader, PostWriter

if TYPE_CHECKING:
    from weaverlab.deployers import Deployment

INTERVAL_S = 0.1  # a sample costs about forty reads
TIMEOUT_S = 10.0


class LagProbe:
    """Takes a sample every 100 ms from `begin()` until its `with` block ends; all are in `lags_ms` afterwards, in ms.

    A post that does not arrive within ten seconds is no sample, and counts in `lost`.
    """

    def __init__(self, deployment: Deployment, mark: str) -> None:
        """`mark` tells its posts from those of other runs."""
        self._mark = mark
        self._writer = deployment.get(PostWriter)
        self._reader = deployment.get(PostReader)
        self._beginning, self._ending = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(1 + int(TIMEOUT_S / INTERVAL_S))
        self._samples: list[Future[float | None]] = []
        self._thread = threading.Thread(target=self._run, name="lag probe")
        self.lags_ms: list[float] = []
        self.lost = 0

    def __enter__(self) -> LagProbe:
        self._thread.start()
        return self

    def begin(self) -> None:
        """The warm-up is over: what is sampled from now on counts. Idempotent."""
        self._beginning.set()

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._beginning.set()
        self._thread.join()
        self._pool.shutdown()
        results = [sample.result() for sample in self._samples]
        self.lags_ms = [lag_ms for lag_ms in results if lag_ms is not None]
        self.lost = len(results) - len(self.lags_ms)

    def _run(self) -> None:
        self._beginning.wait()
        while not self._ending.wait(INTERVAL_S):
            self._samples.append(self._pool.submit(self._sample, f"{self._mark}-probe-{len(self._samples)}"))

    def _sample(self, post_id: str) -> float | None:
        written_s = self._writer.store(Post(post_id, "How late is it?"))
        visible_s = self._reader.wait_visible(post_id, TIMEOUT_S)
        return None if visible_s is None else (visible_s - written_s) * 1000
