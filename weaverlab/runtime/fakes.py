"""A fake where its calls arrive: an object of whoever deploys, which answers until the deployment is stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weaverlab.component import ComponentSpec, MethodSpec, Shape
from weaverlab.errors import StoppedError


class Fake:
    """Has the methods of component `spec` and nothing else, and passes their calls on to `target`."""

    def __init__(self, spec: ComponentSpec, target: object) -> None:
        self.__name = spec.name
        self.__target = target
        self.__closed_because = ""
        for method in spec.methods:
            vars(self)[method.name] = self._passing_on(method)

    def _close(self, because: str) -> None:
        """From now on calls raise StoppedError, with this reason."""
        self.__closed_because = because

    def _passing_on(self, method: MethodSpec) -> Callable[..., Any]:
        """Return a function that looks the method up when it is called: a test may replace it at any time."""

        def call(*args: Any, **keywords: Any) -> Any:
            return self._method(method.name)(*args, **keywords)

        async def call_async(*args: Any, **keywords: Any) -> Any:
            return await self._method(method.name)(*args, **keywords)

        return call_async if method.shape is Shape.AWAITED else call

    def _method(self, name: str) -> Callable[..., Any]:
        if self.__closed_because:
            raise StoppedError(f"cannot call {self.__name}, a fake: {self.__closed_because}")
        method: Callable[..., Any] = getattr(self.__target, name)
        return method
