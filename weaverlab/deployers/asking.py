"""Asking weavelets on the deployer's own behalf: in a short time, whatever deadline the caller's own request has."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import TypeVar

from weaverlab.errors import RemoteCallError, StoppedError
from weaverlab.runtime.context import timeout

CONTROL_TIMEOUT_S = 2.0  # a weavelet that does not answer its deployer in this time is killed, or left out of figures

Answer = TypeVar("Answer")
Item = TypeVar("Item")


def in_time(question: Callable[[], Answer]) -> Answer:
    """Return the answer. Raises DeadlineExceeded when there is none in the time for control."""

    def ask() -> Answer:
        with timeout(CONTROL_TIMEOUT_S):
            return question()

    return contextvars.Context().run(ask)


def ask(question: Callable[[], tuple[Item, ...]]) -> tuple[Item, ...]:
    """Return a weavelet's answer; nothing when it has just died or does not answer in time."""
    try:
        return in_time(question)
    except (RemoteCallError, StoppedError):
        return ()
