"""From keys to slots: equal for equal keys, in every process, and evenly spread."""

from __future__ import annotations

import enum
import math
import struct
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.routing.assignment import SLOTS, Assignment
from weaverlab.routing.keys import slot_of

PARTS = st.integers() | st.floats() | st.text(st.characters(exclude_categories=()))
KEYS = PARTS | st.lists(PARTS, min_size=1, max_size=4).map(tuple)


class Place(NamedTuple):
    city: str
    number: int


class Colour(str, enum.Enum):
    RED = "red"


@given(key=KEYS)
def test_every_key_has_a_slot(key) -> None:
    assert 0 <= slot_of(key) < SLOTS


def test_even_numbers_that_python_refuses_to_print_have_slots() -> None:
    assert slot_of(10**5000) != slot_of(-(10**5000))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.0, -0.0),
        ((1, 0.0), (1, -0.0)),
        (True, 1),
        (Colour.RED, "red"),
        (Place("Bonn", 7), ("Bonn", 7)),
        (math.nan, -math.nan),
        (math.nan, struct.unpack("<d", b"\1\0\0\0\0\0\xf8\x7f")[0]),
    ],
    ids=str,
)
def test_keys_that_are_equal_or_no_number_share_a_slot(one, other) -> None:
    assert slot_of(one) == slot_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", 1),
        (1, 1.0),
        (1, -1),
        (255, -1),
        (("ab", "c"), ("a", "bc")),
        (("a", "b"), ("a", "b", "")),
        (("a",), "a"),
        ((1, "2"), ("1", 2)),
        ("", ()),
        ("é", "e\N{COMBINING ACUTE ACCENT}"),
        ("\ud800", "?"),
    ],
    ids=ascii,
)
def test_keys_that_only_look_alike_have_slots_of_their_own(one, other) -> None:
    assert slot_of(one) != slot_of(other)


def test_slots_are_what_they_were_when_this_was_written() -> None:
    slots = {key: slot_of(key) for key in ("", "post-17", 17, -1, 0.5, ("Bonn", 7), ("", 0, 2.5))}

    assert slots == {"": 2534, "post-17": 665, 17: 4025, -1: 2782, 0.5: 964, ("Bonn", 7): 428, ("", 0, 2.5): 2373}


@pytest.mark.parametrize(
    "keys",
    [range(200_000), [f"post-{number}" for number in range(200_000)], [number / 8 for number in range(200_000)]],
    ids=["consecutive numbers", "names with a number", "eighths"],
)
def test_each_of_17_replicas_gets_its_share_of_keys_within_5_percent(keys) -> None:
    owners = Assignment.of([f"Storage-{number}" for number in range(17)]).owners

    shares = Counter(owners[slot_of(key)] for key in keys)

    assert len(shares) == 17
    assert all(abs(share - len(keys) / 17) <= 0.05 * len(keys) / 17 for share in shares.values())
