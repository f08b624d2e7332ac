"""Serializable types and custom errors: arguments, results and exceptions cross the wire, a notebook's own as well."""

from __future__ import annotations

import datetime
import sys
import traceback
from collections import Counter, OrderedDict, deque
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

import weaverlab as weaver
from tests.bundle.notebook import Notebook
from weaverlab import Component, Ref
from weaverlab.errors import CannotTravel, RemoteApplicationError

VALUES = [
    None,
    (1, 2.5, 3j, True, b"\x00\xff", "text", ...),
    [{"nested": {1: {2, 3}}}, frozenset((1, 2)), range(3), slice(1, 2)],
    bytearray(200_000),
    Counter("abca"),
    OrderedDict(b=1, a=2),
    deque([1, 2], maxlen=2),
    Fraction(1, 3),
    datetime.timedelta(days=1),
    SimpleNamespace(a=1),
    int,
    len,
]


class OutOfStock(Exception):
    def __init__(self, item: str, left: int) -> None:
        super().__init__(item, left)
        self.item, self.left = item, left


class Depot(Component):
    def echo(self, value: Any) -> Any:
        return value

    def take(self, item: str) -> None:
        try:
            raise KeyError(item)
        except KeyError as missing:
            error = OutOfStock(item, 3)
            if sys.version_info >= (3, 11):
                error.add_note("try tomorrow")
            raise error from missing

    def local_error(self) -> None:
        class Local(Exception):
            pass

        raise Local("only here")


class Shop(Component):
    depot: Ref[Depot]

    def buy(self, item: str) -> str:
        try:
            self.depot.take(item)
        except OutOfStock as error:  # its class is the class that callers know
            return f"{error.left} left"
        return "bought"

    def order(self, item: str) -> None:
        self.depot.take(item)


def test_any_value_that_can_be_pickled_arrives_equal(deployer: str) -> None:
    with weaver.deploy(Depot, deployer=deployer) as app:
        depot = app.get(Depot)

        assert [depot.echo(value) for value in VALUES] == VALUES
        assert depot.echo(VALUES) == VALUES


def test_a_value_that_cannot_is_a_clear_error_and_the_next_call_works(deployer: str) -> None:
    with weaver.deploy(Depot, deployer=deployer) as app:
        depot = app.get(Depot)
        if deployer != "single":  # in one process a value is passed as it is
            with pytest.raises(CannotTravel, match="generator"):
                depot.echo(number for number in VALUES)

        assert depot.echo(1) == 1


def test_an_exception_keeps_class_arguments_attributes_cause_notes_and_remote_traceback(deployer: str) -> None:
    with weaver.deploy(Shop, deployer=deployer) as app:
        shop = app.get(Shop)
        assert shop.buy("tea") == "3 left"
        with pytest.raises(OutOfStock) as raised:
            shop.order("tea")

    error = raised.value
    assert (error.args, error.item, error.left) == (("tea", 3), "tea", 3)
    assert isinstance(error.__cause__, KeyError) and error.__cause__.args == ("tea",)
    shown = "".join(traceback.format_exception(error))
    assert "in take" in shown and "in order" in shown and "raise error from missing" in shown
    if sys.version_info >= (3, 11):
        assert "try tomorrow" in error.__notes__


def test_an_exception_that_cannot_be_made_again_arrives_with_type_message_and_traceback(deployer: str) -> None:
    expected = Exception if deployer == "single" else RemoteApplicationError

    with weaver.deploy(Depot, deployer=deployer) as app, pytest.raises(expected) as raised:
        app.get(Depot).local_error()

    assert "only here" in str(raised.value)
    assert "in local_error" in "".join(traceback.format_exception(raised.value))
    if isinstance(raised.value, RemoteApplicationError):
        assert raised.value.type_name.endswith("Local")
        assert "in local_error" in raised.value.remote_traceback


NOTEBOOK = """
import weaverlab as weaver
from weaverlab import AutoMarshal, Component
from enum import Enum

class Size(Enum):
    SMALL = 1
    LARGE = 2

class Cake(AutoMarshal):
    size: Size
    price: "float | None" = None

class Burnt(Exception):
    def __init__(self, cake):
        super().__init__(cake)
        self.cake = cake

class Bakery(Component):
    def bake(self, cake: Cake, degrees: int) -> Cake:
        if degrees > 250:
            raise Burnt(cake)
        return Cake(cake.size, 2.5)

def use(deployer):
    with weaver.deploy(Bakery, deployer=deployer) as app:
        baked = app.get(Bakery).bake(Cake(Size.LARGE), 200)
        assert baked == Cake(Size.LARGE, 2.5) and type(baked) is Cake and baked.size is Size.LARGE
        try:
            app.get(Bakery).bake(Cake(Size.SMALL), 300)
        except Burnt as burnt:
            return burnt.cake == Cake(Size.SMALL)
"""


def test_records_enums_and_errors_of_a_notebook_keep_their_classes(deployer: str) -> None:
    notebook = Notebook(NOTEBOOK)

    with notebook.as_main():
        assert notebook.namespace["use"](deployer) is True
