"""`weaver.spawn`: run a function beside the current request, as a branch of it, in a thread or a task.

    branch = weaver.spawn(self.payment.refund, order)     # goes on at once
    ...
    branch.join()                                         # or: await branch; or not at all

A branch begins with the lineage of where it was spawned. Who joins it depends on what it wrote; who does not depends on
the branch itself until it has ended (see `antipode.branches`), so a barrier waits for it, also in another process that
got the dependency with a reply. It outlives its request: the deadline and the cancellation of that do not reach it.
Not in here: waiting for several at once (`gathering`).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import logging
import threading
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, ParamSpec, TypeVar, overload

from weaverlab.antipode import branches, context
from weaverlab.antipode.lineage import EMPTY, Lineage
from weaverlab.runtime.context import deadline, remaining_s
from weaverlab.stores.branches import here
from weaverlab.transport.patience import Patience, executed

P = ParamSpec("P")
R = TypeVar("R")

JOIN_TIMEOUT_S = 30.0  # as long as a call may take
logger = logging.getLogger("weaverlab.runtime")
_tasks: set[asyncio.Task[None]] = set()  # a loop keeps none alive that nobody else does


class Branch(Generic[R]):
    """A function that runs beside the request that has spawned it. `name` is unique, and says what it executes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._lineage: Lineage = EMPTY
        self._value: R
        self._error: BaseException | None = None
        self._is_joined = False

    def join(self, timeout_s: float = JOIN_TIMEOUT_S) -> R:
        """Wait until it has ended, and depend on what it wrote; return its value, or raise what it raised.

        Raises:
            TimeoutError: it has not ended after `timeout_s`, or at the current deadline. It goes on, and remains a
                dependency.
        """
        patience = Patience(_bounded_s(timeout_s), lambda: False)
        while not self._ended.done():
            try:
                self._ended.result(patience.sleep_s())
            except concurrent.futures.TimeoutError:
                if patience.left_s <= 0:
                    raise self._late(timeout_s) from None
        return self._taken()

    def __await__(self) -> Generator[Any, None, R]:
        """Do the same as `join` without blocking the loop. Who is cancelled meanwhile leaves the branch running."""
        return self._join_async().__await__()

    async def _join_async(self) -> R:
        await asyncio.wait([asyncio.wrap_future(self._ended)], timeout=_bounded_s(JOIN_TIMEOUT_S))
        if not self._ended.done():
            raise self._late(JOIN_TIMEOUT_S)
        return self._taken()

    def _taken(self) -> R:
        self._is_joined = True
        branches.settle({self.name: self._lineage})
        if self._error is not None:
            raise self._error
        return self._value

    def _late(self, timeout_s: float) -> TimeoutError:
        return TimeoutError(
            f"branch {self.name} has not ended after {timeout_s:g} s, or at the deadline of who waits for it. "
            "It goes on, and remains a dependency."
        )

    def _run(self, function: Callable[..., R], args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        try:
            self._value = function(*args, **keywords)
        except BaseException as error:  # SystemExit too: it is for who joins
            self._error = error
        self._end()

    async def _run_async(
        self, function: Callable[..., Coroutine[Any, Any, R]], args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> None:
        try:
            self._value = await function(*args, **keywords)
        except BaseException as error:
            self._error = error
            if isinstance(error, asyncio.CancelledError):  # its loop ends
                raise
        finally:
            self._end()

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        _tasks.discard(task)
        if not self._ended.done():  # it was cancelled before it had begun
            self._error = asyncio.CancelledError()
            self._end()

    def _end(self) -> None:
        self._lineage = context.current()
        here.end(self.name, self._lineage)
        self._ended.set_result(None)

    def __del__(self) -> None:
        if self._error is not None and not self._is_joined:
            logger.error("branch %s failed, and nobody has joined it", self.name, exc_info=self._error)

    def __repr__(self) -> str:
        state = "runs" if not self._ended.done() else "has failed" if self._error is not None else "has ended"
        return f"<branch {self.name}: {state}>"


@overload
def spawn(function: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **keywords: P.kwargs) -> Branch[R]: ...
@overload
def spawn(function: Callable[P, R], /, *args: P.args, **keywords: P.kwargs) -> Branch[R]: ...
def spawn(function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Branch[Any]:
    """Run `function(*args, **keywords)` as a branch of the current request, and return at once.

    An `async def` function runs as a task of the running loop, any other in a thread of its own (about 100 us). What a
    branch raises is for who joins it; if nobody does, it is logged.

    Raises:
        RuntimeError: an async function, and no event loop runs here.
    """
    loop = _loop_for(function) if inspect.iscoroutinefunction(function) else None
    branches.settle(here.wait(branches.begun(), 0.0))  # so that who spawns many depends on those that run
    branch: Branch[Any] = Branch(here.begin(getattr(function, "__name__", type(function).__name__)))
    inside = contextvars.copy_context()
    branches.begin(branch.name)
    inside.run(_detach, branch.name)
    try:
        if loop is None:
            job = (branch._run, function, args, keywords)
            threading.Thread(target=inside.run, args=job, name=branch.name, daemon=True).start()
        else:
            task = inside.run(loop.create_task, branch._run_async(function, args, keywords))
            _tasks.add(task)
            task.add_done_callback(branch._task_ended, context=inside)
    except BaseException:
        here.end(branch.name, EMPTY)  # it has not begun
        raise
    return branch


def _loop_for(function: Callable[..., Any]) -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        name = getattr(function, "__name__", "it")
        raise RuntimeError(
            f"spawn: {name} is an async function, and no event loop runs in this thread. Spawn it in async code."
        ) from None


def _detach(name: str) -> None:
    """Be the branch, and outlive the call in which it was spawned."""
    branches.enter(name)
    deadline.set(None)
    executed.set(None)


def _bounded_s(timeout_s: float) -> float:
    left_s = remaining_s()
    return timeout_s if left_s is None else min(timeout_s, left_s)
