"""The logger a component sees as `self.logger`, and the records it makes: plain dicts, ready for JSON.

Every record names component, replica and region, and the ids of the current request and of the call that is executed,
if they are traced. Where records go is the sink's business: a pipe to the deployer, or a list in a test.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

from weaverlab.runtime import context

LogEntry: TypeAlias = dict[str, str | float | int]
LogSink: TypeAlias = Callable[[LogEntry], None]

MESSAGE_CHARS_MAX = 65_536  # a whole array that somebody logs would only be in the way


class _ToSink(logging.Handler):
    def __init__(self, sink: LogSink, component: str, replica: str, region: str) -> None:
        super().__init__()
        self._sink = sink
        self._labels = {"component": component, "replica": replica, "region": region}

    def handle(self, record: logging.LogRecord) -> bool:
        """Pass the record on without the lock of `logging`, which a method that is cancelled just here would keep."""
        self.emit(record)  # the sink has a lock of its own
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._sink(
                {
                    "wall_s": record.created,
                    "level": record.levelname,
                    **self._labels,
                    "trace": context.trace.get(),
                    "span": context.span.get(),
                    "source": f"{record.filename}:{record.lineno}",
                    "message": _cut(self.format(record)),
                }
            )
        except Exception:  # logging's own rule: a log call never raises into the application
            self.handleError(record)


def _cut(message: str) -> str:
    more = len(message) - MESSAGE_CHARS_MAX
    return message if more <= 0 else f"{message[:MESSAGE_CHARS_MAX]}... ({more} characters left out)"


def component_logger(sink: LogSink, component: str, replica: str, region: str) -> logging.Logger:
    """Return a logger of its own for one replica of a component; it is not in the global logger tree.

    Two replicas in one process (as in the tests' deployer) therefore never share handlers, and nothing
    has to be removed when a deployment stops.
    """
    logger = logging.Logger(component, logging.INFO)
    logger.addHandler(_ToSink(sink, component, replica, region))
    return logger
