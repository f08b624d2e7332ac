"""Deadline, metadata and trace id live in context variables, and every block leaves them as they were."""

from __future__ import annotations

import pytest

import weaverlab as weaver
from weaverlab.antipode import Dependency, Lineage, transfer
from weaverlab.runtime import context


def test_without_a_timeout_there_is_no_deadline() -> None:
    assert context.remaining_s() is None


def test_a_timeout_bounds_the_block_and_nothing_after_it() -> None:
    with weaver.timeout(5.0):
        left_s = context.remaining_s()

    assert left_s is not None and 4.9 < left_s <= 5.0
    assert context.remaining_s() is None


def test_an_inner_timeout_cannot_lengthen_an_outer_one() -> None:
    with weaver.timeout(1.0), weaver.timeout(100.0):
        left_s = context.remaining_s()

    assert left_s is not None and left_s <= 1.0


@pytest.mark.parametrize("seconds", ["1", None, True])
def test_a_timeout_that_is_no_number_is_refused(seconds: object) -> None:
    with pytest.raises(TypeError, match=r"timeout\(.*\): expected seconds as a number, got"), weaver.timeout(seconds):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf")])
def test_a_timeout_of_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="greater than zero"), weaver.timeout(seconds):
        pass


def test_metadata_adds_up_inside_and_is_gone_outside() -> None:
    with weaver.metadata(user="ann"), weaver.metadata(tenant="one"):
        inside = weaver.current_metadata()

    assert inside == {"user": "ann", "tenant": "one"}
    assert weaver.current_metadata() == {}


def test_metadata_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match=r"metadata\(user=1\): expected a str, got int"), weaver.metadata(user=1):  # type: ignore[arg-type]
        pass


def test_a_request_begins_with_no_lineage_and_a_new_trace_id() -> None:
    transfer(Lineage([Dependency("posts", "eu", 1)]))
    with weaver.request() as first:
        assert weaver.get_lineage() == b""
        assert first == context.trace.get() and len(first) == context.TRACE_ID_DIGITS
    with weaver.request() as second:
        pass

    assert first != second
    assert context.trace.get() == ""
    assert weaver.get_lineage() != b""
