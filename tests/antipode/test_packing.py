"""The packed form: small, and safe to read from a peer that is broken or hostile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.antipode.world import lineages
from weaverlab.antipode import MAX_PACKED_BYTES, Dependency, Lineage
from weaverlab.errors import ProtocolError

X = Dependency("posts", "eu", 17)


@given(lineages)
def test_a_lineage_survives_packing(lineage):
    assert Lineage.unpack(lineage.pack()) == lineage


@given(lineages, lineages)
def test_equal_lineages_have_equal_bytes(a, b):
    assert ((a | b).pack() == (b | a).pack()) and ((a == b) == (a.pack() == b.pack()))


def test_the_empty_lineage_is_no_bytes_at_all():
    assert Lineage().pack() == b""
    assert Lineage.unpack(b"") is Lineage.empty()


def test_a_typical_dependency_takes_at_most_32_bytes_alone_and_fewer_in_company():
    alone = Lineage([Dependency("notifications", "eu-west", 100_000)])
    company = Lineage(
        Dependency(store, region, 100_000)
        for store in ("posts", "notifications", "timeline", "media")
        for region in ("europe-west3", "us-east1")
    )

    assert len(alone.pack()) == 32
    assert len(company.pack()) / len(company) <= 14


@pytest.mark.parametrize(
    ("store", "scope", "version"), [("timeline", "8371b4fb", 2**64 - 1), ("timeline", "8371b4fb1155", 2**32 - 1)]
)
def test_names_of_16_characters_with_64_bits_or_of_20_with_32_take_32_bytes(store, scope, version):
    assert len(Lineage([Dependency(store, scope, version)]).pack()) == 32


@pytest.mark.parametrize("version", [1, 2**8 - 1, 2**8, 2**16 - 1, 2**16, 2**32 - 1, 2**32, 2**64 - 1])
@pytest.mark.parametrize("names", [1, 256, 257])
def test_every_width_of_a_column_holds_what_is_to_go_into_it(version, names):
    many = Lineage(Dependency("posts", f"{n}", version) for n in range(names))

    assert Lineage.unpack(many.pack()) == many


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"\x02\x11", "inside its header", id="half a header"),
        pytest.param(b"\x02\x11\x00\x00", "0 dependencies", id="an empty lineage that is not empty bytes"),
        pytest.param(b"\x02\x13\x01\x00\x00\x00\x01\x01\x01a\x00", "widths 0x13", id="versions of 3 bytes"),
        pytest.param(b"\x02\x41\x01\x00\x00\x00\x01\x01\x01a\x00", "widths 0x41", id="places of 4 bytes"),
        pytest.param(b"\x02\x28\xff\xff\x00\x00a\x00", "before its last name", id="65535 dependencies announced"),
        pytest.param(b"\x02\x11\x01\x00\x00\x01\x05a\x00b", "before its last name", id="a name without an end"),
    ],
)
def test_bytes_of_no_possible_shape_are_refused_as_they_arrive(data, why):
    for read in (Lineage.received, Lineage.unpack):
        with pytest.raises(ProtocolError, match=f"malformed lineage of .* bytes: .*{why}"):
            read(data)


INSIDE = [
    pytest.param(b"\x02\x11\x02\x00\x00\x00\x00\x00\x01\x02a\x00", "repeats", id="one log twice"),
    pytest.param(b"\x02\x11\x01\x00\x00\x07\x01a\x00", "out of range", id="a name that is not there"),
    pytest.param(b"\x02\x11\x01\x00\x00\x01\x01\xc3\x28\x00b\x00", "decode", id="a name that is not UTF-8"),
    pytest.param(b"\x02\x11\x01\x00\x00\x00\x01a\x00b\x00", "without a dependency", id="a name for nothing"),
    pytest.param(b"\x02\x11\x01\x00\x00\x01\x01\x00b\x00", "without a name", id="a store without a name"),
]


@pytest.mark.parametrize(("data", "why"), INSIDE)
def test_bytes_that_no_lineage_packs_to_are_refused(data, why):
    with pytest.raises(ProtocolError, match=f"malformed lineage of .* bytes: .*{why}"):
        Lineage.unpack(data)


@pytest.mark.parametrize(("data", "why"), INSIDE)
def test_a_lineage_that_was_received_is_refused_when_it_is_first_read_and_every_time_after(data, why):
    received = Lineage.received(data)

    for read in (list, len, lambda one: one.add(Dependency("a", "", 1)), lambda one: Lineage([X]) | one) * 2:
        with pytest.raises(ProtocolError, match=why):
            read(received)


@given(lineages, lineages)
def test_a_lineage_that_was_received_is_what_was_sent_and_is_passed_on_unread(sent, other):
    received = Lineage.received(sent.pack())

    assert received.pack() == sent.pack() and bool(received) == bool(sent)
    assert Lineage.empty() | received is received | received is received
    assert received._unpacked is None or not sent
    assert received | other == sent | other and other | Lineage.received(sent.pack()) == sent | other


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda data: b"\x02\x11" + data))
def test_garbage_is_a_protocol_error_or_a_lineage_and_never_anything_else(data):
    try:
        lineage = Lineage.unpack(data)
    except ProtocolError:
        return
    assert Lineage.unpack(Lineage(lineage).pack()) == lineage


@given(lineages.filter(bool), st.data())
def test_a_packed_lineage_that_is_cut_short_or_continued_is_refused(lineage, data):
    packed = lineage.pack()
    cut = data.draw(st.integers(1, len(packed) - 1))

    for wrong in (packed[:cut], packed + b"\x00"):
        with pytest.raises(ProtocolError, match="malformed lineage"):
            Lineage.unpack(wrong)


@pytest.mark.parametrize(
    ("found", "advice"), [(1, "from an older one: deploy that"), (3, "from a newer one: install that")]
)
def test_another_format_is_refused_with_what_to_do(found, advice):
    data = bytes([found]) + Lineage([X]).pack()[1:]

    for read in (Lineage.received, Lineage.unpack):
        with pytest.raises(ProtocolError, match=f"in format {found}; this .* reads format 2. It comes {advice}"):
            read(data)


def test_the_size_is_bounded_in_both_directions():
    too_many = Lineage(Dependency("posts", f"posts/{n}", n) for n in range(10_000))

    with pytest.raises(ProtocolError, match="the limit is 65536"):
        too_many.pack()
    with pytest.raises(ProtocolError, match="the limit is 65536"):
        Lineage.received(b"\x02" * (MAX_PACKED_BYTES + 1))
