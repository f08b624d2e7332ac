"""The one way from `async def` code to a blocking store operation: a thread, with the lineage brought back.

A thread gets a copy of the caller's context, so what it joins would be lost; here it is joined again. Threads come
from two pools of our own, one for barriers and one for all else: barriers that wait may fill theirs, and what they wait
for can still be written. Not in here: anything about stores.
"""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

from weaverlab.antipode import context
from weaverlab.errors import Cancelled

if TYPE_CHECKING:
    from concurrent.futures import Executor

P = ParamSpec("P")
R = TypeVar("R")

THREADS_MAX = 128  # barriers that one process can have waiting; above that they queue. Threads start when needed

Purpose = Literal["work", "wait"]

_unwanted: ContextVar[tuple[threading.Event, ...]] = ContextVar("weaverlab_unwanted", default=())


async def in_thread(purpose: Purpose, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a blocking operation in a thread and join the lineage it gathered; its exception is the caller's.

    A caller that is cancelled goes on at once. A barrier then ends within a second; any other operation by itself.
    """
    import asyncio  # here, since `import weaverlab` must not pay for asyncio

    is_unwanted = threading.Event()
    copied, before = context_until(is_unwanted), context.current()
    call = functools.partial(copied.run, function, *args, **kwargs)
    try:
        result = await asyncio.get_running_loop().run_in_executor(pool(purpose), call)
    except asyncio.CancelledError:
        is_unwanted.set()
        raise
    context.rejoin(before, copied.run(context.current))
    return result


def context_until(is_unwanted: threading.Event) -> contextvars.Context:
    """Return a copy of this context for a thread whose work nobody wants any more once `is_unwanted` is set."""
    copied = contextvars.copy_context()
    copied.run(_unwanted.set, (*_unwanted.get(), is_unwanted))
    return copied


def check_wanted() -> None:
    """Raise Cancelled in a thread whose caller has gone on: nobody waits for what it does."""
    if any(event.is_set() for event in _unwanted.get()):
        raise Cancelled


@functools.lru_cache
def pool(purpose: Purpose) -> Executor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(THREADS_MAX, thread_name_prefix=f"weaverlab-store-{purpose}")
