"""What arrives with an exception: causes, contexts, notes, the members of a group, and the frames of every hop."""

from __future__ import annotations

import builtins
import os
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.runtime.raised import (
    Group,
    OutOfStock,
    Refusals,
    carried,
    raised_by,
    sent,
    shown,
)
from weaverlab.errors import CannotTravel
from weaverlab.errors import RemoteApplicationError as Described
from weaverlab.runtime import failures
from weaverlab.runtime.remake import NOTES

needs_notes = pytest.mark.skipif(sys.version_info < (3, 11), reason="notes and groups exist since Python 3.11")


# Cause, context, notes, groups


def test_the_whole_chain_of_causes_arrives_each_with_its_class() -> None:
    def body() -> None:
        try:
            try:
                {}["tea"]
            except KeyError as missing:
                raise OutOfStock("tea", left=1) from missing
        except OutOfStock as empty:
            raise ValueError("no breakfast") from empty

    arrived = raised_by(body)

    assert type(arrived.__cause__) is OutOfStock and arrived.__cause__.left == 1
    assert repr(arrived.__cause__.__cause__) == "KeyError('tea')"


def test_a_context_arrives_and_is_hidden_where_it_was() -> None:
    def shows() -> None:
        try:
            {}["tea"]
        except KeyError:
            raise ValueError("no breakfast")  # noqa: B904

    def hides() -> None:
        try:
            {}["tea"]
        except KeyError:
            raise ValueError("no breakfast") from None

    shows_it, hides_it = raised_by(shows), raised_by(hides)

    assert "During handling of the above exception" in shown(shows_it) and "KeyError: 'tea'" in shown(shows_it)
    assert hides_it.__suppress_context__ and repr(hides_it.__context__) == "KeyError('tea')"


def test_a_cause_that_cannot_travel_is_described_and_the_exception_arrives() -> None:
    error = ValueError("outer")
    error.__cause__ = SystemExit(3)

    arrived = carried(error)

    assert type(arrived) is ValueError and str(arrived.__cause__) == "SystemExit: 3"


def test_chains_that_go_round_arrive() -> None:
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    first.__context__, second.__context__ = second, first
    first.args, second.args = (second,), (first,)

    arrived = carried(first)

    assert type(arrived) is ValueError and type(arrived.__cause__) in (KeyError, Described)
    assert arrived.__cause__.__cause__ is arrived or isinstance(arrived.__cause__.__cause__, failures.RemoteTraceback)
    assert "Traceback of Shop.buy at Shop/1" in shown(arrived)


def test_an_endless_chain_is_cut_and_says_so() -> None:
    error: Exception = ValueError(0)
    for number in range(1, 10_000):
        error, error.__context__ = ValueError(number), error

    arrived = carried(error)

    assert "left out: more than 100 exceptions" in shown(arrived)
    length = 0
    while arrived is not None and not isinstance(arrived, failures.RemoteTraceback):
        length, arrived = length + 1, arrived.__context__
    assert length == failures.EXCEPTIONS_MAX


def test_exceptions_inside_an_exception_keep_what_is_behind_them() -> None:
    inner = OutOfStock("tea", left=threading.Lock())
    inner.__cause__ = KeyError("tea")

    arrived = carried(ValueError("several", [inner]))

    assert type(arrived.args[1][0]) is OutOfStock and repr(arrived.args[1][0].__cause__) == "KeyError('tea')"


@needs_notes
def test_notes_arrive_also_of_a_cause_and_of_a_description() -> None:
    error, cause, exits = ValueError("noted"), KeyError("cause"), SystemExit(1)
    error.__cause__ = cause
    error.add_note("of interest")
    cause.add_note("of more interest")
    exits.add_note("of no interest")

    arrived, described = carried(error), carried(exits)

    assert arrived.__notes__[0] == "of interest" and arrived.__cause__.__notes__ == ["of more interest"]
    assert described.__notes__[0] == "of no interest"


@needs_notes
def test_a_note_is_sent_once() -> None:
    error = ValueError("noted")
    error.add_note("n" * 10_000)

    assert len(pickle.dumps(failures.pack(error, "Shop.buy at Shop/1"))) < 20_000


@needs_notes
def test_notes_that_are_no_list_do_no_harm() -> None:
    error = ValueError("noted")
    error.__notes__ = 7  # type: ignore[assignment]

    assert type(carried(error)) is ValueError


@needs_notes
def test_a_group_arrives_with_its_members_nested_and_with_what_is_behind_them() -> None:
    member = OutOfStock("tea", left=threading.Lock())
    member.__cause__ = KeyError("tea")
    local = type("Local", (Exception,), {})("here")
    group = Group("all", [Group("some", [member]), local])

    arrived = carried(group)

    assert type(arrived) is Group and arrived.message == "all"
    some, described = arrived.exceptions
    assert type(some.exceptions[0]) is OutOfStock and repr(some.exceptions[0].__cause__) == "KeyError('tea')"
    assert type(described) is Described and described.type_name == "Local"
    assert arrived.subgroup(OutOfStock) is not None


@needs_notes
def test_a_group_of_a_class_of_its_own_arrives() -> None:
    arrived = carried(Refusals("all", [OutOfStock("tea")], "Corner"))

    assert type(arrived) is Refusals and arrived.shop == "Corner" and arrived.exceptions[0].item == "tea"


@needs_notes
def test_a_group_that_cannot_travel_tells_of_its_members() -> None:
    BaseGroup: Any = getattr(builtins, "BaseExceptionGroup", None)

    arrived = carried(BaseGroup("all", [OutOfStock("tea", left=3), SystemExit(3)]))

    assert isinstance(arrived, Described)
    assert "OutOfStock: only 3 of tea" in shown(arrived) and "SystemExit: 3" in shown(arrived)


# The remote traceback


def test_the_remote_traceback_is_shown_and_names_the_replica() -> None:
    text = shown(carried(ValueError("too many")))

    assert "Traceback of Shop.buy at Shop/1" in text
    assert "raised.py" in text and "raise error" in text


def stock() -> None:
    raise OutOfStock("tea", left=3)


def shop() -> None:
    raise raised_at("Stock.take at Stock/0", stock)


def web() -> None:
    raise raised_at("Shop.buy at Shop/0", shop)


def raised_at(where: str, body: Callable[[], object]) -> BaseException:
    try:
        body()
    except BaseException as error:
        return failures.unpack(sent(failures.pack(error, where)))
    raise AssertionError("it raises nothing")


def test_the_frames_of_every_hop_are_shown_once_in_the_order_of_the_calls() -> None:
    text = shown(raised_at("Web.get at Web/0", web))

    heads = [
        "Traceback of Web.get at Web/0:",
        "Traceback of Shop.buy at Shop/0:",
        "Traceback of Stock.take at Stock/0:",
    ]
    assert [line.strip() for line in text.splitlines() if line.startswith("Traceback of")] == heads
    parts = text.split("Traceback of")[1:]
    for part, function in zip(parts, ("web", "shop", "stock"), strict=True):
        assert part.count(f", in {function}\n") == 1 and part.count("File ") <= 3
    assert text.count("in stock\n") == text.count("in shop\n") == text.count("in web\n") == 1


def test_the_cause_of_another_hop_keeps_its_frames_and_the_new_error_has_its_own() -> None:
    def shop() -> None:
        try:
            raise raised_at("Stock.take at Stock/0", stock)
        except OutOfStock as empty:
            raise ValueError("no breakfast") from empty

    text = shown(raised_at("Shop.buy at Shop/0", shop))

    assert text.count("in stock\n") == 1 and text.count("Traceback of Stock.take at Stock/0:") == 1
    assert text.index("in stock\n") < text.index("raise ValueError(") and "direct cause" in text


def test_frames_of_weaverlab_are_left_out_where_there_are_others() -> None:
    def asks() -> None:
        failures.unpack(failures.Failure(()))

    text = vars(raised_by(asks))[NOTES][-1]

    assert "in asks" in text and os.path.join("weaverlab", "runtime") not in text


def test_frames_of_weaverlab_are_shown_where_there_are_no_others() -> None:
    try:
        failures.unpack(failures.Failure(()))
    except KeyError as error:
        assert error.__traceback__ is not None
        error.__traceback__ = error.__traceback__.tb_next

        assert "in unpack" in failures.remote_traceback(error)


def test_a_long_text_loses_its_middle_and_says_how_much_over_any_number_of_hops() -> None:
    long = "x" * 15_000
    text = "".join(f"{number}{long}" for number in range(4))

    once = failures.shortened(text)
    again = failures.shortened(once + "y" * 15_000)

    assert once.startswith("0x") and once.endswith("x") and len(once) < failures.TEXT_CHARS_MAX + 60
    assert f"[... {len(text) - failures.TEXT_CHARS_MAX} characters left out ...]" in once
    assert f"[... {len(text) + 15_000 - failures.TEXT_CHARS_MAX} characters left out ...]" in again


def test_messages_notes_and_frames_are_bounded() -> None:
    source = "\n".join(f"def f{n}(depth):\n    f{(n + 1) % 50}(depth + 1)" for n in range(50))
    functions: dict[str, Any] = {}
    exec(source, functions)

    class Wordy(Exception):
        def __str__(self) -> str:
            return "word " * 1_000_000

    deep, wordy = raised_by(lambda: functions["f0"](0)), carried(Wordy())

    assert "characters left out" in shown(deep) and len(shown(deep)) < 3 * failures.TEXT_CHARS_MAX
    assert isinstance(wordy, Described) and len(wordy.message) < 2 * failures.TEXT_CHARS_MAX


def test_python_3_10_shows_without_notes_what_notes_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "SHOWS_NOTES", False)
    error = CannotTravel("outer")
    error.__cause__ = KeyError("inner")

    text = shown(carried(carried(error, "Stock.take at Stock/0")))

    assert "RemoteTraceback" in text
    assert "in carried" in text.split("RemoteTraceback")[1]
    assert text.index("KeyError: 'inner'") < text.index("CannotTravel: outer")
    assert "Traceback of Shop.buy at Shop/1" in text.split("RemoteTraceback")[1]
    assert text.count("RemoteTraceback") == 1
