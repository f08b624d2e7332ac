"""The current lineage: who inherits it, who does not, and how it comes back."""

from __future__ import annotations

import contextvars

import pytest

from weaverlab.antipode import Dependency, Lineage, context, get_lineage, request, transfer
from weaverlab.errors import ProtocolError

POST = Lineage([Dependency("posts", "eu", 17)])
NOTE = Lineage([Dependency("notes", "eu", 3)])


def test_nothing_is_current_until_something_happens():
    assert context.current() is Lineage.empty()
    assert get_lineage() == b""


def test_a_lineage_is_transferred_as_bytes_or_as_itself():
    transfer(POST.pack())
    transfer(NOTE)

    assert context.current() == POST | NOTE
    assert get_lineage() == (POST | NOTE).pack()


def test_transferring_the_same_twice_changes_nothing():
    transfer(POST)
    before = context.current()
    transfer(POST.pack())

    assert context.current() is before


def test_garbage_is_not_transferred():
    transfer(POST)

    with pytest.raises(ProtocolError):
        transfer(b"not a lineage")
    assert context.current() == POST


def test_a_request_starts_from_nothing_and_leaves_nothing():
    transfer(POST)

    with request():
        assert not context.current()
        transfer(NOTE)

    assert context.current() == POST


def test_a_request_that_fails_leaves_nothing_either():
    transfer(POST)

    with pytest.raises(ZeroDivisionError), request():
        transfer(NOTE)
        raise ZeroDivisionError

    assert context.current() == POST


def test_branches_share_what_was_before_and_do_not_see_each_other_until_they_are_joined():
    transfer(POST)
    left, right = contextvars.copy_context(), contextvars.copy_context()

    left.run(transfer, NOTE)

    assert left.run(context.current) == POST | NOTE
    assert right.run(context.current) == context.current() == POST
    transfer(left.run(get_lineage))
    assert context.current() == POST | NOTE
