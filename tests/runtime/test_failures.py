"""What arrives when the callee raised."""

from __future__ import annotations

import pickle
import sys
import threading
import traceback

import pytest

from weaverlab.errors import DeadlineExceeded, RemoteApplicationError
from weaverlab.runtime import failures


class Picky(Exception):
    """Cannot be made again from its args, as many an exception with its own __init__."""

    def __init__(self, name: str, *, code: int) -> None:
        super().__init__(f"{name} {code}")


class Mute(Exception):
    """Cannot say what it is, nor be pickled."""

    def __str__(self) -> str:
        raise RuntimeError("mute")

    def __reduce__(self) -> tuple[object, ...]:
        raise RuntimeError("mute")


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


def carried(error: BaseException) -> BaseException:
    """Raise, pack, pickle, unpickle and unpack `error`."""
    try:
        raise error
    except BaseException as raised:
        return failures.unpack(pickle.loads(pickle.dumps(failures.pack(raised, "Shop.buy at Shop/1"))))


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_class_arguments_and_attributes_arrive() -> None:
    error = OSError(2, "no such file")
    error.filename = "posts.db"

    arrived = carried(error)

    assert type(arrived) is FileNotFoundError and arrived.args == (2, "no such file")


def test_the_remote_traceback_is_shown_and_names_the_replica() -> None:
    text = shown(carried(ValueError("too many")))

    assert "Traceback of Shop.buy at Shop/1" in text
    assert "test_failures.py" in text and "raise error" in text


def test_the_cause_arrives() -> None:
    error = ValueError("outer")
    error.__cause__ = KeyError("inner")

    assert repr(carried(error).__cause__) == "KeyError('inner')"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have notes since Python 3.11")
def test_notes_arrive() -> None:
    error = ValueError("noted")
    error.add_note("of interest")

    assert "of interest" in carried(error).__notes__


@pytest.mark.parametrize(
    "error", [Picky("x", code=1), ValueError(threading.Lock()), SystemExit(3), KeyboardInterrupt(), GeneratorExit()]
)
def test_what_cannot_travel_or_must_not_arrives_as_its_description(error: BaseException) -> None:
    arrived = carried(error)

    assert isinstance(arrived, RemoteApplicationError)
    assert arrived.type_name == type(error).__name__
    assert "test_failures.py" in arrived.remote_traceback


def test_errors_of_calls_keep_whether_they_may_have_executed() -> None:
    arrived = carried(DeadlineExceeded("slow", maybe_executed=True, attempts=3))

    assert isinstance(arrived, DeadlineExceeded)
    assert (arrived.maybe_executed, arrived.attempts) == (True, 3)


def test_an_exception_that_cannot_even_be_shown_arrives_as_its_type() -> None:
    arrived = carried(Mute())

    assert isinstance(arrived, RemoteApplicationError)
    assert str(arrived) == "Mute: <its __str__ raised RuntimeError>"


def test_an_exception_whose_class_is_unknown_to_the_caller_arrives_as_its_description(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed = failures.pack(AtHome("lost my keys"), "Shop.buy at Shop/1")
    monkeypatch.setattr(AtHome, "is_known", False)

    arrived = failures.unpack(pickle.loads(pickle.dumps(packed)))

    assert isinstance(arrived, RemoteApplicationError)
    assert str(arrived) == "AtHome: lost my keys"
