"""A thread that consumes a queue until it is closed. What is done with a message is the caller's business."""

from __future__ import annotations

import threading
from collections.abc import Callable
from logging import Logger, LoggerAdapter
from typing import Any

from weaverlab.errors import StoppedError
from weaverlab.stores import Antipode, Consumer

RETRY_PAUSE_S = 0.5  # a message that cannot be handled comes back at once: do not let it spin
JOIN_TIMEOUT_S = 5.0  # a handler in the middle of a barrier gets this long to end


class MessageLoop:
    """Calls `handle` with each message of a queue, from its start until `close()`.

    A message is acknowledged after `handle` has returned. If `handle` raises, that is logged and the message is
    delivered again, here or to somebody else.
    """

    def __init__(
        self,
        queue: Antipode,
        exchange: str,
        key: str,
        handle: Callable[[Any], object],
        logger: Logger | LoggerAdapter[Any],
    ) -> None:
        self._queue = queue
        self._source = (exchange, key)
        self._handle = handle
        self._logger = logger
        self._closing = threading.Event()
        self._consumer: Consumer | None = None
        self._thread = threading.Thread(target=self._run, name=f"consume {exchange}/{key}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no further message; the one being handled is finished."""
        self._closing.set()
        if self._consumer is not None:
            self._consumer.close()

    def join(self) -> None:
        """Wait until the last message has been handled."""
        self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._consume()
            except StoppedError:
                return  # the stores are gone, and with them every message
            except Exception:
                self._logger.exception("a message was not handled; it will be delivered again")
                self._closing.wait(RETRY_PAUSE_S)

    def _consume(self) -> None:
        with self._queue.consume(*self._source) as messages:
            self._consumer = messages
            if self._closing.is_set():  # close() came before it could see this consumer
                return
            for message in messages:
                self._handle(message.value)
