"""Branches that their request waits for: `weaver.gather` for coroutines, `weaver.Executor` for a pool of threads.

Each begins with the lineage of its request and does not see what the others do; the request depends on all of them when
it has their results. Plain `asyncio.gather`, task groups and thread pools know nothing of lineages: nobody depends on
what is written in their tasks and threads. Not in here: branches that outlive their request (`branches`).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from weaverlab.antipode import Lineage, context

P = ParamSpec("P")
R = TypeVar("R")


async def gather(*coroutines: Coroutine[Any, Any, R]) -> list[R]:
    """Run coroutines at the same time; return their results in order, and depend on what all of them have written.

    When one raises, the others are cancelled, and when they have ended it is raised here; so it is when this is
    cancelled. What they had written by then is depended on.

    Raises:
        TypeError: something is no coroutine. A task runs already, with a lineage of its own.
    """
    others = [one for one in coroutines if not asyncio.iscoroutine(one)]
    if others:
        for one in coroutines:
            if asyncio.iscoroutine(one):
                one.close()
        raise TypeError(f"gather: expected coroutines, got {others[0]!r}. Write gather(f(x), g(y)), and no tasks.")
    gained: list[Lineage] = []
    tasks = [asyncio.ensure_future(_noting(one, gained)) for one in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in coroutines:
            one.close()  # no task has begun those that were cancelled at once
        for lineage in gained:
            context.join(lineage)


async def _noting(coroutine: Coroutine[Any, Any, R], gained: list[Lineage]) -> R:
    """Run `coroutine`, and note its lineage however it ends."""
    try:
        return await coroutine
    finally:
        gained.append(context.current())


class Executor(concurrent.futures.ThreadPoolExecutor):
    """A ThreadPoolExecutor whose work belongs to the request that submits it: lineage, deadline and metadata go along.

    Whoever takes a result (`future.result()`, `map`) depends on what the work has written, also when it raised.
    """

    def submit(self, function: Callable[P, R], /, *args: P.args, **keywords: P.kwargs) -> concurrent.futures.Future[R]:
        inside = contextvars.copy_context()
        future = super().submit(functools.partial(inside.run, function, *args, **keywords))
        # The pool makes its futures itself. So this one becomes, in place, one that brings a lineage along.
        future.__class__ = _Work
        future.inside = inside  # type: ignore[attr-defined]
        return future


class _Work(concurrent.futures.Future[R]):
    """A future of an Executor."""

    inside: contextvars.Context

    def result(self, timeout: float | None = None) -> R:
        try:
            return super().result(timeout)
        finally:
            self._join()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        try:
            return super().exception(timeout)
        finally:
            self._join()

    def _join(self) -> None:
        if self.done():  # and has left its context
            context.join(self.inside.run(context.current))
