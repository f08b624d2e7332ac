"""Methods that raise what ends other programs, or use up the stack: they end their call, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Literal

import pytest

import weaverlab as weaver
from tests.faults.wicked import KINDS, Wicked, nested
from weaverlab import Deployment
from weaverlab.errors import CallLost, CannotTravel, RemoteCallError

pytestmark = pytest.mark.usefixtures("no_process_left")


@pytest.fixture(params=["rpc", "multi"])
def app(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    deployer: Literal["single", "rpc", "multi"] = request.param
    with weaver.deploy(Wicked, deployer=deployer) as app:
        yield app


def test_what_a_method_raises_reaches_its_caller_and_its_process_goes_on(app: Deployment) -> None:
    wicked = app.get(Wicked)
    pid = wicked.pid()

    def outcome(kind: str) -> object:
        try:
            return wicked.do(kind)
        except BaseException as error:
            return error

    async def outcomes(kind: str) -> list[object]:
        return await asyncio.gather(wicked.do_async(kind), wicked.do_later(kind), return_exceptions=True)

    for kind in KINDS:
        for error in (outcome(kind), *asyncio.run(outcomes(kind))):
            assert isinstance(error, Exception), (kind, error)  # none that would end its caller
            assert not isinstance(error, RemoteCallError), (kind, error)

    assert wicked.pid() == pid
    assert app.replicas()[0].restarts == 0


def test_values_that_are_too_deep_to_be_packed_fail_their_call_only(app: Deployment) -> None:
    wicked = app.get(Wicked)
    pid = wicked.pid()

    with pytest.raises((CannotTravel, RecursionError)):
        wicked.deep(100_000)
    with pytest.raises((CannotTravel, RecursionError)):
        wicked.take(nested(100_000))

    assert wicked.pid() == pid


def test_a_stack_that_really_overflows_costs_the_process_and_its_caller_knows() -> None:
    with weaver.deploy(Wicked) as app:
        wicked = app.get(Wicked)
        pid = wicked.pid()

        with pytest.raises(CallLost) as lost:
            wicked.overflow()

        assert lost.value.maybe_executed
        assert wicked.pid() != pid
