"""An actor of xoscar in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benchmarks.system import AsyncCaller, AsyncSystem


class XoscarPeer(AsyncSystem):
    needs = distribution = "xoscar"

    def start(self) -> None:
        self._address = self.serve(serve)

    async def open(self, method: str = "echo") -> AsyncCaller:
        import xoscar

        caller: AsyncCaller = (await xoscar.actor_ref(address=self._address, uid="echo")).echo
        return caller


def serve(ready: Callable[[object], None]) -> None:
    asyncio.run(_serve(ready))


async def _serve(ready: Callable[[object], None]) -> None:
    import xoscar

    class Echo(xoscar.Actor):
        async def echo(self, value: object) -> object:
            return value

    pool = await xoscar.create_actor_pool(address="127.0.0.1", n_process=0)
    await xoscar.create_actor(Echo, address=pool.external_address, uid="echo")
    ready(pool.external_address)
    await pool.join()
