"""What arrives when the callee raised."""

from __future__ import annotations

import builtins
import dataclasses
import json
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.errors import BarrierTimeout, CannotTravel, ConfigError, DeadlineExceeded, NotFoundError
from weaverlab.errors import RemoteApplicationError as Described
from weaverlab.runtime import failures
from weaverlab.runtime.remake import NOTES

Group: Any = getattr(builtins, "ExceptionGroup", Exception)
needs_notes = pytest.mark.skipif(sys.version_info < (3, 11), reason="notes and groups exist since Python 3.11")


class OutOfStock(Exception):
    """Takes other arguments than it passes on, as most errors of applications."""

    def __init__(self, item: str, *, left: object = 0) -> None:
        super().__init__(f"only {left} of {item}")
        self.item = item
        self.left = left


class Silent(Exception):
    """Passes nothing on."""

    def __init__(self, item: str, left: int = 0) -> None:
        self.item = item


class NoDisk(OSError):
    def __init__(self, name: str) -> None:
        super().__init__(5, "no disk", name)
        self.label = name


class Slotted(Exception):
    __slots__ = ("item",)

    def __init__(self, item: str) -> None:
        self.item = item


@dataclasses.dataclass
class Record(Exception):
    item: str
    left: int = 0


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    item: str


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlots(Exception):
    item: str


class WithProperty(Exception):
    def __init__(self, item: str) -> None:
        self.__dict__["item"] = item

    @property
    def item(self) -> str:
        return str(self.__dict__["item"])


class WithReduce(Exception):
    def __init__(self, item: str, lock: object) -> None:
        self.item, self.lock = item, lock

    def __reduce__(self) -> tuple[object, ...]:
        return WithReduce, (self.item, "made again")


class WithState(Exception):
    def __init__(self, item: str) -> None:
        super().__init__(item)
        self.item, self.lock = item, threading.Lock()

    def __getstate__(self) -> dict[str, object]:  # type: ignore[override]
        return {"item": self.item}

    def __setstate__(self, state: Any) -> None:
        self.item, self.lock = state["item"], threading.Lock()


class GetsState(Exception):
    state: Any = None

    def __getstate__(self) -> Any:  # type: ignore[override]
        return self.state


class SetsState(Exception):
    item = ""

    def __setstate__(self, state: dict[str, Any] | None) -> None:
        self.item = (state or {})["label"]


class WithoutState(GetsState):
    def __setstate__(self, state: object) -> None:
        raise AssertionError("there is no state")


class Sealed(Exception):
    __slots__ = ("item",)

    def __init__(self, item: str) -> None:
        object.__setattr__(self, "item", item)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


class Parsing(UnicodeDecodeError):
    def __init__(self, at: int) -> None:
        super().__init__("utf-8", b"abc", at, at + 1, "not text")


class Refusals(Group):  # type: ignore[misc]
    shop: str

    def __new__(cls, message: str, errors: list[Exception], shop: str = "") -> Any:
        self = super().__new__(cls, message, errors)
        self.shop = shop
        return self


class Tricky(Exception):
    """Raises wherever Python lets an exception do so; `where` leaves one place."""

    def __init__(self, *where: str, error: type[BaseException] = RuntimeError) -> None:
        self.where, self.error = where, error

    def __getstate__(self) -> object:
        self._raise("getstate")
        return {"where": self.where, "error": self.error}

    def __setstate__(self, state: Any) -> None:
        vars(self).update(state)
        self._raise("setstate")

    def __reduce__(self) -> Any:
        self._raise("reduce")
        return Tricky, (), self.__getstate__()

    def __str__(self) -> str:
        self._raise("str")
        return "tricky"

    def __repr__(self) -> str:
        self._raise("repr")
        return "Tricky"

    def _raise(self, place: str) -> None:
        if place in self.where:
            raise self.error(place)


class AtHome(Exception):
    """Its class is known where it is raised only: `is_known` is what an import would be."""

    is_known = True

    def __reduce__(self) -> tuple[object, ...]:
        return AtHome.again, ()

    @classmethod
    def again(cls) -> AtHome:
        if not cls.is_known:
            raise ModuleNotFoundError("no module named home")
        return cls()


def sent(failure: failures.Failure) -> failures.Failure:
    return pickle.loads(pickle.dumps(failure))


def carried(error: BaseException, where: str = "Shop.buy at Shop/1") -> Any:
    """Raise, pack, pickle, unpickle and unpack `error`."""
    try:
        raise error
    except BaseException as raised:
        return failures.unpack(sent(failures.pack(raised, where)))


def raised_by(body: Callable[[], object]) -> Any:
    """Return what arrives of the error that `body` raises."""
    try:
        body()
    except BaseException as raised:
        return failures.unpack(sent(failures.pack(raised, "Shop.buy at Shop/1")))
    raise AssertionError("it raises nothing")


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def public_attributes(error: BaseException) -> dict[str, object]:
    names = [name for name in dir(error) if not name.startswith("_") and hasattr(error, name)]
    return {name: getattr(error, name) for name in names if not callable(getattr(error, name))}


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
    assert "test_failures.py" in arrived.remote_traceback
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
    assert "test_failures.py" in text and "raise error" in text


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
