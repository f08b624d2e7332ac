"""Every retriable call executed twice, to expose what is not idempotent before a lost link does it.

A caller that loses the link to a callee cannot know whether its call was executed, so it repeats it, unless the method
is `@not_retriable`. In operation that is rare, and here it is the rule. The second answer counts, as if the first had
been lost; lineage comes from both. Streams run once: it is their readers who repeat them, not the runtime. Source:
Service Weaver's weavertest, whose RPC runner repeats calls, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from weaverlab.observe import MethodStats
from weaverlab.runtime import context
from weaverlab.runtime.remote import RemoteMethod
from weaverlab.runtime.remote_streams import StreamingRemote


class Twice:
    """Makes calls through `remote`: each that may be repeated once more than its caller knows."""

    def __init__(self, remote: StreamingRemote) -> None:
        self._remote = remote
        self.read, self.read_async = remote.read, remote.read_async

    def call(self, method: RemoteMethod, args: tuple[object, ...]) -> Any:
        if method.retriable:
            with _unseen():
                self._remote.call(_uncounted(method), args)
        return self._remote.call(method, args)

    async def call_async(self, method: RemoteMethod, args: tuple[object, ...]) -> Any:
        if method.retriable:
            with _unseen():
                await self._remote.call_async(_uncounted(method), args)
        return await self._remote.call_async(method, args)


def _uncounted(method: RemoteMethod) -> RemoteMethod:
    return replace(method, stats=MethodStats(method.stats.key))


@contextlib.contextmanager
def _unseen() -> Iterator[None]:
    """Hide the first execution from the trace of the request, and what it raised from the caller."""
    token = context.trace.set("")
    try:
        with contextlib.suppress(Exception):
            yield
    finally:
        context.trace.reset(token)
