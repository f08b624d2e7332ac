"""Values whose own code raises while they are pickled or unpickled: always CannotTravel, which says what and why.

But for KeyboardInterrupt and Cancelled: nobody can tell them from a Ctrl-C, or from a caller that has left.
"""

from __future__ import annotations

import pytest

from tests.wire.bad_values import AT_PICKLING, AT_UNPICKLING, ERRORS, Nested, Unspeakable
from weaverlab.errors import Cancelled, CannotTravel
from weaverlab.wire import decode_value, encode_value

OTHERS = [name for name in ERRORS if name != "an interrupt"]
TOO_DEEP = 3_000  # for unpicklings within each other; a hundred thousand lists in each other are too many to pickle


def arrived(value: object) -> object:
    payload, buffers, is_dill = encode_value(value)
    return decode_value(payload, [bytearray(buffer) for buffer in buffers], is_dill)


@pytest.mark.parametrize("error", OTHERS)
@pytest.mark.parametrize("where", AT_PICKLING)
def test_a_value_that_raises_when_it_is_pickled_is_named_with_the_reason(where: str, error: str) -> None:
    bad = AT_PICKLING[where](error)

    with pytest.raises(CannotTravel) as caught:
        encode_value(("good", bad))

    said = str(caught.value)
    assert f"Item 2 of 2, of type {type(bad).__name__}, cannot be pickled" in said
    reason = ERRORS[error]()
    assert (type(reason).__name__ if isinstance(reason, Unspeakable) else str(reason) or type(reason).__name__) in said
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("error", OTHERS)
def test_a_value_that_raises_when_it_is_unpickled_says_so(error: str) -> None:
    with pytest.raises(CannotTravel, match="arrived but could not be unpickled") as caught:
        arrived(AT_UNPICKLING["__setstate__"](error))

    assert type(ERRORS[error]()).__name__ in str(caught.value)


@pytest.mark.parametrize("where", [*AT_PICKLING, "__setstate__"])
def test_an_interrupt_gets_out(where: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        arrived((AT_PICKLING | AT_UNPICKLING)[where]("an interrupt"))


class CancelledMeanwhile:
    """A value during whose pickling the method that sends it is cancelled."""

    def __reduce__(self) -> str:
        raise Cancelled


def test_a_method_that_is_cancelled_while_it_pickles_learns_of_it() -> None:
    with pytest.raises(Cancelled):
        encode_value((CancelledMeanwhile(),))


def test_a_value_of_a_module_that_is_not_here_names_the_module() -> None:
    with pytest.raises(CannotTravel, match="No module named 'a_module_of_another_machine'"):
        arrived(AT_UNPICKLING["missing module"]("an exception"))


def test_a_value_that_is_too_deep_to_be_pickled_is_refused() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(CannotTravel, match="recursion"):
        encode_value((deep,))


def test_a_value_that_is_too_deep_to_be_unpickled_is_refused_and_a_shallow_one_is_not() -> None:
    assert arrived(Nested(10)) == "the bottom"

    with pytest.raises(CannotTravel, match="recursion"):
        arrived(Nested(TOO_DEEP))
