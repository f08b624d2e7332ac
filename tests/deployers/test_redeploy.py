"""Redeploying: a new version beside the old one, a switch without a failed call, and no call between the two."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import weaverlab as weaver
from tests.apps import versions
from tests.apps.versions import Asks, Greeter, Speller
from weaverlab.errors import DeclarationError, DeployError, StoppedError

pytestmark = pytest.mark.usefixtures("no_process_left")

EVERY = pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])


@contextmanager
def callers(call: Callable[[], object], threads: int = 4) -> Iterator[list[object]]:
    """Call again and again on some threads while the block runs; yield the answers, exceptions among them."""
    answers: list[object] = []
    is_over = threading.Event()

    def go() -> None:
        while not is_over.is_set():
            try:
                answers.append(call())
            except Exception as error:
                answers.append(error)

    running = [threading.Thread(target=go) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        for thread in running:
            thread.join()


@EVERY
def test_no_call_fails_while_a_version_is_replaced_and_none_meets_both(deployer: str) -> None:
    with weaver.deploy(versions.First, versions.SpellsFirst, deployer=deployer) as app:  # type: ignore[call-overload]
        greeter = app.get(Greeter)
        with callers(lambda: greeter.greet("ann")) as answers:
            app.redeploy(versions.Second, versions.SpellsSecond)
            after = greeter.greet("ann")

    assert set(answers) == {"1 hello ann 1", "2 HELLO ANN 2"}
    assert after == "2 HELLO ANN 2"


def test_async_callers_are_not_disturbed_either() -> None:
    with weaver.deploy(versions.First, versions.SpellsFirst) as app:
        greeter = app.get(Greeter)

        async def call_while_it_is_replaced() -> list[str]:
            replacing = asyncio.create_task(asyncio.to_thread(app.redeploy, versions.Second, versions.SpellsSecond))
            answers: list[str] = []
            while not replacing.done():
                answers += await asyncio.gather(*(greeter.greet_later("bob") for _ in range(8)))
            await replacing
            return [*answers, await greeter.greet_later("bob")]

        answers = asyncio.run(call_while_it_is_replaced())

    assert set(answers) == {"1 hello bob 1", "2 HELLO BOB 2"}


@EVERY
def test_a_version_that_cannot_start_leaves_the_old_one_as_it_was(deployer: str) -> None:
    with weaver.deploy(versions.First, versions.SpellsFirst, deployer=deployer) as app:  # type: ignore[call-overload]
        with pytest.raises(DeployError, match="not today"):
            app.redeploy(versions.Broken)
        with pytest.raises(DeclarationError):
            app.redeploy(int)

        assert app.get(Greeter).greet("ann") == "1 hello ann 1"
        assert app.is_running and app.failure is None


def test_what_the_new_version_lacks_goes_down_with_the_old_one() -> None:
    with weaver.deploy(versions.First, versions.SpellsFirst) as app:
        speller = app.get(Speller)
        app.redeploy(Asks)

        with pytest.raises(StoppedError):
            speller.spell("x")
        with pytest.raises(DeclarationError, match="Speller"):
            app.get(Speller)


def test_without_words_the_same_is_deployed_again_in_new_processes() -> None:
    with weaver.deploy(versions.First, versions.SpellsFirst, replicas={Greeter: 2}) as app:
        app.scale(Speller, 2)
        before = app.replicas()
        app.redeploy()

        assert {replica.id for replica in app.replicas()} == {replica.id for replica in before}
        assert not {replica.pid for replica in app.replicas()} & {replica.pid for replica in before}
        assert app.get(Greeter).greet("ann") == "1 hello ann 1"


def test_a_stopped_deployment_is_not_redeployed() -> None:
    app = weaver.deploy(Asks)
    app.stop()

    with pytest.raises(StoppedError):
        app.redeploy()
