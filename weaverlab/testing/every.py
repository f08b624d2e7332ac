"""`every_deployer`: one test, run wherever its components could run. What is left behind is found in `leftovers`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from os import PathLike
from typing import Any, Literal, TypeAlias, TypeVar

import pytest

from weaverlab.config import Config, parse
from weaverlab.deployers import Deployment, deploy
from weaverlab.deployers.version import Colocation, Fakes, ReplicasWanted
from weaverlab.testing.leftovers import nothing_left

DEPLOYERS = ("single", "rpc", "multi")
Deployer: TypeAlias = Literal["single", "rpc", "multi"]

Test = TypeVar("Test", bound=Callable[..., Any])


class Deploy:
    """What a test gets as its argument `deploy`: deploys under one deployer, and stops everything in the end."""

    def __init__(self, deployer: Deployer) -> None:
        self.deployer = deployer
        self._deployments: list[Deployment] = []

    def __call__(
        self,
        *components: type,
        config: str | PathLike[str] | Config | None = None,
        replicas: ReplicasWanted | None = None,
        colocate: Colocation | None = None,
        fakes: Fakes | None = None,
    ) -> Deployment:
        """Deploy `components` as `weaverlab.deploy` does, but `config` is the text of a weaver.toml, or a `Path`."""
        given = parse(config, "config") if isinstance(config, str) else config
        deployment = deploy(
            *components,
            deployer=self.deployer,
            config=given,
            replicas=replicas,
            colocate=colocate,
            fakes=fakes,
        )
        self._deployments.append(deployment)
        return deployment

    def __repr__(self) -> str:
        return f"<deploy under {self.deployer!r}>"

    def stop_all(self) -> None:
        """Stop what was deployed, the newest first; what has been stopped already stays so."""
        with contextlib.ExitStack() as stack:  # each is stopped, whatever another one raises
            for deployment in self._deployments:
                stack.callback(deployment.stop)


def every_deployer(test: Test) -> Test:
    """Run a test of pytest under every deployer; it deploys with its argument `deploy`:

        @every_deployer
        def test_tea_is_in_stock(deploy):
            app = deploy(Shop, config="[Shop]\\nsize = 3", fakes={Clock: FakeClock()})

            assert app.get(Shop).find("tea") == 3

    Under "single" calls are Python calls. Under "rpc" they cross sockets within this process, and each that may be
    repeated is executed twice. Under "multi" every component has a process. What was deployed is stopped after the
    test, which fails if anything is left behind. `async def` tests need a plugin such as pytest-asyncio, as ever.
    """
    if "deploy" not in inspect.signature(test).parameters:
        raise TypeError(
            f"@every_deployer: {test.__qualname__} takes no argument `deploy`. Write `def {test.__name__}(deploy)`, "
            "and deploy your application with it."
        )

    @functools.wraps(test)
    def run(*args: Any, deploy: Deployer, **fixtures: Any) -> None:
        with _deploying(deploy) as deploying:
            test(*args, deploy=deploying, **fixtures)

    @functools.wraps(test)
    async def run_async(*args: Any, deploy: Deployer, **fixtures: Any) -> None:
        async with _left_on_a_thread(_deploying(deploy)) as deploying:
            await test(*args, deploy=deploying, **fixtures)

    runner = run_async if inspect.iscoroutinefunction(test) else run
    marked: Test = pytest.mark.parametrize("deploy", DEPLOYERS)(runner)
    return marked


@contextlib.contextmanager
def _deploying(deployer: Deployer) -> Iterator[Deploy]:
    deploy = Deploy(deployer)
    with nothing_left():
        try:
            yield deploy
        finally:
            deploy.stop_all()


@contextlib.asynccontextmanager
async def _left_on_a_thread(manager: contextlib.AbstractContextManager[Deploy]) -> AsyncIterator[Deploy]:
    """Leave `manager` on another thread: what has to end may need this one's event loop for that."""
    try:
        yield manager.__enter__()
    except BaseException as error:
        await asyncio.to_thread(manager.__exit__, type(error), error, error.__traceback__)
        raise
    else:
        await asyncio.to_thread(manager.__exit__, None, None, None)
