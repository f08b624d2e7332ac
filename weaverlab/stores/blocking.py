"""The one way from `async def` code to a blocking store operation: a thread, with the lineage brought back.

A thread gets a copy of the caller's context, so what it joins would be lost; here it is joined again. Threads come
from a pool of our own: asyncio's default one has six threads on two processors, and six waiting barriers would
stop every other read. Not in here: anything about stores.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from weaverlab.antipode import context

if TYPE_CHECKING:
    from concurrent.futures import Executor

P = ParamSpec("P")
R = TypeVar("R")

THREADS_MAX = 128  # barriers that one process can have waiting; above that they queue. Threads start when needed


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a blocking operation in a thread and join the lineage it gathered; its exception is the caller's.

    A caller that is cancelled goes on at once; the operation itself ends by its own timeout.
    """
    import asyncio  # here, since `import weaverlab` must not pay for asyncio

    copied = contextvars.copy_context()
    call = functools.partial(copied.run, function, *args, **kwargs)
    result = await asyncio.get_running_loop().run_in_executor(_pool(), call)
    context.join(copied.run(context.current))
    return result


@functools.lru_cache(maxsize=1)
def _pool() -> Executor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="weaverlab-store")
