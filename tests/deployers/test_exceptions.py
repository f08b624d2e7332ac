"""Exceptions of components, as their callers see them: the same wherever the components run."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator

import pytest

import weaverlab as weaver
from tests.bundle.notebook import Notebook
from weaverlab import Component, Deployment, Ref
from weaverlab.errors import RemoteApplicationError

pytestmark = pytest.mark.usefixtures("no_process_left")

HUGE_BYTES = 20_000_000  # more than a failure may have


class OutOfStock(Exception):
    """Takes other arguments than it passes on, and holds what cannot travel."""

    def __init__(self, item: str, left: int) -> None:
        super().__init__(f"only {left} of {item}")
        self.item = item
        self.left = left
        self.lock = threading.Lock()


class Spoilt(Exception):
    def __init__(self, crate: bytes) -> None:
        self.crate = crate


class NoBreakfast(Exception):
    pass


class Stock(Component):
    def take(self, item: str) -> None:
        raise OutOfStock(item, 3)

    def recurse(self) -> None:
        self.recurse()

    def open_crate(self) -> None:
        raise Spoilt(b"x" * HUGE_BYTES)

    def local(self) -> None:
        class Local(Exception):
            pass

        raise Local("only here")


class Shop(Component):
    stock: Ref[Stock]

    def buy(self, item: str) -> None:
        self.stock.take(item)

    async def breakfast(self) -> None:
        try:
            self.stock.take("tea")
        except OutOfStock as empty:
            raise NoBreakfast from empty


class Web(Component):
    shop: Ref[Shop]

    def get(self) -> None:
        self.shop.buy("tea")

    async def morning(self) -> None:
        await self.shop.breakfast()


@pytest.fixture(params=["single", "rpc", "multi"], scope="module")
def app(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    with weaver.deploy(Web, deployer=request.param) as deployment:
        yield deployment


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_an_error_is_caught_by_its_class_with_its_attributes_whatever_its_init_takes(app: Deployment) -> None:
    with pytest.raises(OutOfStock, match="only 3 of tea") as raised:
        app.get(Web).get()

    assert (raised.value.item, raised.value.left) == ("tea", 3)
    assert raised.value.args == ("only 3 of tea",) and "lock" in repr(raised.value.lock)


def test_every_frame_is_shown_once_from_the_caller_to_where_it_rose(app: Deployment) -> None:
    with pytest.raises(OutOfStock) as raised:
        app.get(Web).get()

    text = shown(raised.value)
    lines = ["app.get(Web).get()", 'self.shop.buy("tea")', "self.stock.take(item)", "raise OutOfStock(item, 3)"]
    assert [text.count(f"    {line}\n") for line in lines] == [1, 1, 1, 1]
    remote = [text.index(line) for line in lines[1:]]
    assert remote == sorted(remote)  # Python 3.11 shows the caller's before them, 3.10 after them


async def test_the_cause_of_an_error_of_an_async_method_arrives_over_two_hops(app: Deployment) -> None:
    with pytest.raises(NoBreakfast) as raised:
        await app.get(Web).morning()

    assert type(raised.value.__cause__) is OutOfStock and raised.value.__cause__.left == 3
    assert shown(raised.value).count("    raise OutOfStock(item, 3)\n") == 1


def test_an_exhausted_recursion_is_a_recursion_error_with_a_short_traceback(app: Deployment) -> None:
    with pytest.raises(RecursionError) as raised:
        app.get(Stock).recurse()

    assert "more times]" in shown(raised.value) and len(shown(raised.value)) < 10_000


@pytest.mark.parametrize("deployer", ["rpc", "multi"])
def test_over_the_wire_each_hop_is_named_and_what_cannot_travel_is_said(deployer: str) -> None:
    with weaver.deploy(Web, deployer=deployer) as app:
        with pytest.raises(OutOfStock) as stopped:
            app.get(Web).get()
        with pytest.raises(Spoilt) as spoilt:
            app.get(Stock).open_crate()
        with pytest.raises(RemoteApplicationError, match="only here") as local:
            app.get(Stock).local()

    heads = [line for line in shown(stopped.value).splitlines() if line.startswith("Traceback of")]
    assert heads == [
        f"Traceback of {who}:" for who in ("Web.get at Web/0", "Shop.buy at Shop/0", "Stock.take at Stock/0")
    ]
    assert "OutOfStock arrived without its .lock" in shown(stopped.value)
    assert repr(spoilt.value.crate).startswith("<bytes of 20,000,0")
    assert "at the top level of a module" in shown(local.value)


NOTEBOOK = """
from weaverlab import Component, deploy

class Censored(Exception):
    def __init__(self, post, *, why):
        super().__init__(f"{post}: {why}")
        self.post, self.why = post, why

class Posts(Component):
    def publish(self, post):
        raise Censored(post, why="a bad word")

def caught(deployer):
    with deploy(Posts, deployer=deployer) as app:
        try:
            app.get(Posts).publish("hello")
        except Censored as error:
            return error.post, error.why
"""


@pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])
def test_an_error_that_a_notebook_defines_is_caught_by_its_class(deployer: str) -> None:
    notebook = Notebook(NOTEBOOK)

    with notebook.as_main():
        caught = notebook.namespace["caught"](deployer)

    assert caught == ("hello", "a bad word")
