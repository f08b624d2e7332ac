"""A branch that nobody has joined, across processes: the reply carries a dependency on it, and barriers wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import weaverlab as weaver
from tests.apps.refunds import CONFIG, Payments, Receipts, Station, Tickets
from weaverlab import Deployment
from weaverlab.antipode import Dependency, Lineage
from weaverlab.config import parse
from weaverlab.errors import BarrierTimeout, CallLost, NotFoundError

pytestmark = pytest.mark.usefixtures("no_process_left")


@pytest.fixture(params=["single", "rpc", "multi", "multi, mtls"], scope="module")
def app(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    deployer, _, mtls = request.param.partition(", ")
    config = parse(f"{CONFIG}\n[multi]\nmtls = true" if mtls else CONFIG)
    with weaver.deploy(Station, deployer=deployer, config=config) as deployment:
        yield deployment


@pytest.mark.parametrize("is_async", [False, True])
def test_a_refund_is_there_for_whoever_depends_on_the_cancellation(app: Deployment, is_async: bool) -> None:
    order = f"order {is_async}"
    app.get(Payments).let_pay(False)

    with weaver.request():
        if is_async:
            weaver.transfer(asyncio.run(_cancel(app, order)))
        else:
            app.get(Tickets).cancel(order)
        with pytest.raises(BarrierTimeout, match=r"branch \w+#\w+@(Tickets/0)? has not ended"):
            app.get(Receipts).find(order, 0.05)
        with ThreadPoolExecutor(1) as pool:
            lineage = weaver.get_lineage()
            found = pool.submit(_find, app, order, lineage)
            app.get(Payments).let_pay(True)
            assert found.result(20) == "paid back"


def test_who_does_not_depend_on_the_cancellation_does_not_wait_for_the_refund(app: Deployment) -> None:
    app.get(Payments).let_pay(False)
    with weaver.request():
        app.get(Tickets).cancel("other")

    with weaver.request(), pytest.raises(NotFoundError):
        app.get(Receipts).find("other", 10.0)
    app.get(Payments).let_pay(True)


def test_a_branch_whose_process_has_died_is_gone_and_holds_nobody_up() -> None:
    with weaver.deploy(Station, config=parse(CONFIG)) as app, weaver.request():
        app.get(Tickets).cancel("lost")
        app.kill("Tickets/0")

        with weaver.timeout(20):
            while not (seen := app.get(Receipts).look())[0]:
                pass

        assert seen[1][0].startswith("refund#") and seen[1][0].endswith("@Tickets/0")


def test_a_blocking_barrier_whose_caller_is_killed_ends_long_before_its_timeout() -> None:
    with weaver.deploy(Station, config=parse(CONFIG)) as app, weaver.request(), weaver.Executor(1) as pool:
        weaver.transfer(Lineage([Dependency("payments", "eu", 1)]))  # which nobody will write
        asked = pool.submit(app.get(Tickets).find_receipt, "none")
        with weaver.timeout(10):
            while app.get(Receipts).searches() == 0:
                pass
            app.kill("Tickets/0")
            while app.get(Receipts).searches() > 0:
                pass
        with pytest.raises(CallLost):
            asked.result()


def test_what_is_seen_at_a_checkpoint_is_in_the_status_for_all_replicas_together() -> None:
    with weaver.deploy(Station, config=parse(CONFIG), replicas={Receipts: 2}) as app, weaver.request():
        app.get(Payments).let_pay(True)
        app.get(Payments).refund("1")
        for _ in range(10):
            app.get(Receipts).look()
        (seen,) = app.status().checkpoints

    assert (seen.component, seen.name, seen.passed) == ("Receipts", "look", 10)
    assert str(app.status()).splitlines()[-1].startswith("look")


def test_a_deployment_that_stops_lets_branches_end() -> None:
    with weaver.deploy(Station, config=parse(CONFIG)) as app:
        app.get(Tickets).cancel_slowly("the last")

    assert any(entry["message"] == "refunded the last" for entry in app.logs())


async def _cancel(app: Deployment, order: str) -> bytes:
    await app.get(Tickets).cancel_async(order)
    return weaver.get_lineage()


def _find(app: Deployment, order: str, lineage: bytes) -> str:
    with weaver.request():
        weaver.transfer(lineage)
        return app.get(Receipts).find(order, 10.0)
