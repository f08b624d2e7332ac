"""What arrives when the callee raised: the exception with its class, and what of it cannot travel."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runtime.raised import (
    AtHome,
    Frozen,
    FrozenSlots,
    GetsState,
    NoDisk,
    OutOfStock,
    Parsing,
    Record,
    Sealed,
    SetsState,
    Silent,
    Slotted,
    Tricky,
    WithoutState,
    WithProperty,
    WithReduce,
    WithState,
    carried,
    public_attributes,
    raised_by,
    sent,
    shown,
)
from weaverlab.errors import BarrierTimeout, ConfigError, DeadlineExceeded, NotFoundError
from weaverlab.errors import RemoteApplicationError as Described
from weaverlab.runtime import failures
from weaverlab.runtime.remake import NOTES

# Class, arguments, attributes


def json_error() -> Exception:
    try:
        json.loads("{")
    except json.JSONDecodeError as error:
        return error
    raise AssertionError


def pydantic_error() -> pydantic.ValidationError:
    try:
        pydantic.TypeAdapter(int).validate_python("x")
    except pydantic.ValidationError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    "error",
    [
        OutOfStock("tea", left=3),
        Silent("tea"),
        NoDisk("/dev/sda"),
        Record("tea", 3),
        Frozen("tea"),
        WithProperty("tea"),
        Parsing(1),
        NotFoundError("items/tea"),
        BarrierTimeout("late", report=["posts"]),
        ConfigError(["one", "two"]),
        KeyError("tea"),
        StopIteration(7),
        RecursionError("too deep"),
        MemoryError(),
        ImportError("no tea", name="tea", path="/tea"),
        OSError(2, "no such file", "a", None, "b"),
        BlockingIOError(11, "busy", 5),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        SyntaxError("bad", ("file.py", 3, 1, "x = = 1")),
        subprocess.CalledProcessError(3, ["tea"], b"out", b"err"),
        json_error(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_arrives_as_it_was_raised(error: Exception) -> None:
    arrived = carried(error)

    assert type(arrived) is type(error)
    assert (str(arrived), arrived.args) == (str(error), error.args)
    assert public_attributes(arrived) == public_attributes(error)


def test_an_exception_of_an_extension_arrives() -> None:
    error = pydantic_error()

    arrived = carried(error)

    assert type(arrived) is pydantic.ValidationError and arrived.errors() == error.errors()


@pytest.mark.parametrize("error", [Slotted("tea"), Sealed("tea"), FrozenSlots("tea"), WithState("tea")])
def test_attributes_arrive_wherever_a_class_keeps_them(error: Any) -> None:
    arrived = carried(error)

    assert type(arrived) is type(error) and arrived.item == "tea"


@given(st.lists(st.integers() | st.text() | st.binary()), st.dictionaries(st.text(), st.integers() | st.text()))
def test_arguments_and_attributes_of_any_value_arrive(args: list[object], attributes: dict[str, object]) -> None:
    error = OutOfStock("tea")
    error.args = tuple(args)
    vars(error).update(attributes)

    arrived = carried(error)

    assert type(arrived) is OutOfStock and arrived.args == tuple(args)
    assert {name: value for name, value in vars(arrived).items() if name != NOTES} == vars(error)


def test_values_that_were_one_object_are_one_object_again() -> None:
    basket = ["tea"]
    error = ValueError(basket)
    error.basket, error.error = basket, error  # type: ignore[attr-defined]

    arrived = carried(error)

    assert arrived.basket is arrived.args[0] and arrived.error is arrived


def test_a_reduce_of_its_own_is_respected() -> None:
    arrived = carried(WithReduce("tea", threading.Lock()))

    assert (type(arrived), arrived.item, arrived.lock) == (WithReduce, "tea", "made again")


def test_a_getstate_and_a_setstate_of_its_own_are_respected_also_alone() -> None:
    gets, gets_nothing, sets = GetsState("a"), GetsState("b", threading.Lock()), SetsState("c")
    gets.state = {"item": "tea", "lock": threading.Lock()}
    sets.label = "tea"  # type: ignore[attr-defined]

    first, second, third = carried(gets), carried(gets_nothing), carried(sets)

    assert (first.item, first.state, "lock" in repr(first.lock)) == ("tea", None, True)
    assert (type(second), second.args[0]) == (GetsState, "b")
    assert (type(third), third.item) == (SetsState, "tea")


def test_a_state_may_be_nothing_or_the_pair_that_pickle_knows() -> None:
    pair, nothing = GetsState(), WithoutState()
    pair.state = (None, {"item": "tea"})

    assert carried(pair).item == "tea"
    assert type(carried(nothing)) is WithoutState


def test_errors_of_calls_keep_whether_they_may_have_executed() -> None:
    arrived = carried(DeadlineExceeded("slow", maybe_executed=True, attempts=3))

    assert isinstance(arrived, DeadlineExceeded)
    assert (arrived.maybe_executed, arrived.attempts) == (True, 3)


# What cannot travel


def test_what_cannot_travel_stays_behind_and_its_exception_arrives_without_it() -> None:
    lock = threading.Lock()
    error = OutOfStock("tea", left=lock)
    error.args = ("tea", lock)

    arrived = carried(error)

    assert type(arrived) is OutOfStock and arrived.item == "tea" and arrived.args[0] == "tea"
    assert repr(arrived.left) == repr(arrived.args[1]) == repr(lock)
    assert "OutOfStock arrived without its args[1], .left: it cannot be pickled" in shown(arrived)


def test_what_is_too_large_stays_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "FAILURE_BYTES_MAX", 2000)
    monkeypatch.setattr(failures, "BYTES_MIN", 1000)
    error = OutOfStock("tea", left=b"x" * 600)
    error.more = b"x" * 6000  # type: ignore[attr-defined]
    error.__cause__ = OutOfStock("milk", left=b"x" * 1_500)  # as much is not left

    failure = failures.pack(error, "Shop.buy at Shop/1")

    arrived: Any = failures.unpack(failure)
    assert len(pickle.dumps(failure)) < 8_000
    assert (arrived.item, arrived.left, arrived.__cause__.item) == ("tea", b"x" * 600, "milk")
    assert repr(arrived.more).startswith("<bytes of 6")
    assert repr(arrived.__cause__.args[0]).startswith("<str of 1,5")
    assert repr(arrived.__cause__.left).startswith("<bytes of 1,5")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_would_end_the_caller_arrives_as_its_description(error: BaseException) -> None:
    arrived = carried(error)

    assert isinstance(arrived, Described)
    assert arrived.type_name == type(error).__name__
    assert "raised.py" in arrived.remote_traceback
    assert "would have ended this process" in shown(arrived)


def test_a_class_that_is_not_found_by_its_name_arrives_as_its_description_with_the_remedy() -> None:
    class Local(Exception):
        pass

    arrived = carried(Local("lost"))

    assert isinstance(arrived, Described) and arrived.message == "lost"
    assert "at the top level of a module or of a notebook's cell" in shown(arrived)


def test_an_exception_whose_class_is_unknown_to_the_caller_arrives_as_its_description(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed = failures.pack(AtHome("lost my keys"), "Shop.buy at Shop/1")
    monkeypatch.setattr(AtHome, "is_known", False)

    arrived = failures.unpack(sent(packed))

    assert isinstance(arrived, Described)
    assert str(arrived) == "AtHome: lost my keys"
    assert "AtHome cannot be made in this process: ModuleNotFoundError: no module named home" in shown(arrived)


@pytest.mark.parametrize("kind", [RuntimeError, RecursionError, MemoryError, SystemExit])
@pytest.mark.parametrize("where", ["str", "repr", "reduce", "getstate", "setstate"])
def test_an_exception_that_raises_wherever_it_is_touched_arrives_all_the_same(
    where: str, kind: type[BaseException]
) -> None:
    error = Tricky(where, "reduce", error=kind)

    arrived = carried(error)

    assert type(arrived) is (Described if where in ("getstate", "setstate") else Tricky)
    assert "Tricky" in type(arrived).__name__ or arrived.type_name == "Tricky"


def test_an_exception_that_raises_when_it_is_unpickled_arrives_as_its_description() -> None:
    error = Tricky()
    packed = failures.pack(error, "Shop.buy at Shop/1")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tricky, "__setstate__", lambda self, state: sys.exit(3))
        arrived = failures.unpack(sent(packed))

    assert isinstance(arrived, Described) and str(arrived) == "Tricky: tricky"


def test_an_exhausted_recursion_arrives_with_a_short_traceback() -> None:
    def dive(depth: int) -> int:
        return dive(depth + 1)

    arrived = raised_by(lambda: dive(0))

    assert type(arrived) is RecursionError
    assert "more times]" in shown(arrived) and len(shown(arrived)) < 3000
