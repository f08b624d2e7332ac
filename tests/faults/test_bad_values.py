"""Values that cannot travel, wherever a call carries one: their call fails and says why, and nothing else fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Literal

import pytest

import weaverlab as weaver
from tests.faults.customs import BadError, Customs
from tests.wire.bad_values import AT_PICKLING, BAD, ERRORS, Nested
from weaverlab import Deployment
from weaverlab.errors import CannotTravel, RemoteApplicationError

pytestmark = pytest.mark.slow

TIMEOUT_S = 10.0
HUGE_BYTES = 300 << 20  # more than a frame may have; never touched, so it takes no memory
TOO_DEEP = 3_000


@pytest.fixture(scope="module", params=["rpc", "multi"])
def app(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    deployer: Literal["single", "rpc", "multi"] = request.param
    with weaver.deploy(Customs, deployer=deployer) as app:
        yield app


def both(app: Deployment, method: str, *args: object) -> list[object]:
    """Call a method and its async twin; return what came of each, an exception as a value."""
    customs: Any = app.get(Customs)

    async def awaited() -> object:
        return await getattr(customs, f"{method}_async")(*args)

    outcomes: list[object] = []
    with weaver.timeout(TIMEOUT_S):
        for call in (lambda: getattr(customs, method)(*args), lambda: asyncio.run(awaited())):
            try:
                outcomes.append(call())
            except BaseException as error:
                outcomes.append(error)
    return outcomes


@pytest.mark.parametrize("where", BAD)
def test_a_value_that_raises_fails_its_call_and_no_other(app: Deployment, where: str) -> None:
    pid = app.get(Customs).pid()
    for error in ERRORS:
        is_interrupt = error == "an interrupt" and where != "missing module"

        for outcome in both(app, "take", BAD[where](error)):
            if is_interrupt and where in AT_PICKLING:
                assert (
                    type(outcome) is KeyboardInterrupt
                )  # in the caller's own process: nobody can tell it from a Ctrl-C
            else:
                assert type(outcome) is (RemoteApplicationError if is_interrupt else CannotTravel), (error, outcome)
        for outcome in both(app, "give", where, error):
            if is_interrupt and where not in AT_PICKLING:
                assert type(outcome) is KeyboardInterrupt
            else:
                assert type(outcome) is (RemoteApplicationError if is_interrupt else CannotTravel), (error, outcome)
        for outcome in both(app, "fail", where, error):
            assert isinstance(outcome, BadError), (error, outcome)
        assert both(app, "take", "good") == ["taken", "taken"]

    assert app.get(Customs).pid() == pid


def test_a_value_that_is_too_deep_to_be_unpickled_fails_its_call_and_no_other(app: Deployment) -> None:
    customs = app.get(Customs)

    for call in (lambda: customs.take(Nested(TOO_DEEP)), lambda: customs.nested(TOO_DEEP)):
        with pytest.raises(CannotTravel, match="recursion"):
            call()

    assert both(app, "take", "good") == ["taken", "taken"]


def test_a_value_that_is_too_large_fails_its_call_and_no_other(app: Deployment) -> None:
    outcomes = [*both(app, "take", bytes(HUGE_BYTES)), *both(app, "huge", HUGE_BYTES)]

    for outcome in outcomes:
        assert isinstance(outcome, CannotTravel)
        assert "a frame carries at most 268,435,456. Send it in parts." in str(outcome)
    assert both(app, "take", "good") == ["taken", "taken"]
