"""What a message looks like in RabbitMQ, and what is not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.antipode import Dependency, Lineage
from weaverlab.antipode.packing import FORMAT
from weaverlab.antipode.queue import Message
from weaverlab.errors import StoreError
from weaverlab.stores.rabbitmq import messages as m

LINEAGE = Lineage([Dependency("posts", "eu", 17)]).pack()
MESSAGE = Message(b"value", LINEAGE, Dependency("notes", "eu", 2**62), b"\xab" * 16)

versions = st.integers(0, 2**63 - 1)
origins = st.text(min_size=1, max_size=20)
traces = st.sampled_from([b"", b"\xab" * 16])


@given(st.binary(), origins, versions, traces)
def test_a_message_comes_back_as_it_was(value, origin, version, trace):
    message = Message(value, LINEAGE, Dependency("notes", origin, version), trace)

    assert m.message_of("notes", m.headers_of(message), value) == message


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({m.FORMAT_HEADER: None}, "format None"),
        ({m.FORMAT_HEADER: 2}, "in format 2; this version of WeaverLab reads format 1"),
        ({m.ORIGIN_HEADER: 7}, "not a region and a version"),
        ({m.VERSION_HEADER: -1}, "not a region and a version"),
        ({m.VERSION_HEADER: "17"}, "not a region and a version"),
        ({m.TRACE_HEADER: b"short"}, "no trace id"),
        ({m.LINEAGE_HEADER: "text"}, "no lineage"),
        ({m.LINEAGE_HEADER: bytes([FORMAT + 1]) + LINEAGE[1:]}, f"a lineage in format {FORMAT + 1}; this version"),
        ({m.LINEAGE_HEADER: LINEAGE[:-1]}, "a malformed lineage"),
    ],
)
def test_a_header_that_cannot_be_ours_is_named(changed, reason):
    headers = {**m.headers_of(MESSAGE), **changed}

    with pytest.raises(StoreError, match=reason):
        m.message_of("notes", headers, b"value")


@pytest.mark.parametrize("headers", [None, {}, {"content": "json"}])
def test_a_message_of_another_program_is_seen_to_be_one(headers):
    with pytest.raises(StoreError, match="of another program"):
        m.message_of("notes", headers, b"value")


names = st.text(max_size=6, alphabet="ab/@:%.é")


@given(names, names, names, names)
def test_no_two_queues_have_the_same_name(exchange, key, other_exchange, other_key):
    name, other = m.queue_name(exchange, key, "eu"), m.queue_name(other_exchange, other_key, "eu")

    assert (name == other) == ((exchange, key) == (other_exchange, other_key))
    assert m.dead_queue_name(name) != other


@pytest.mark.parametrize(("exchange", "key"), [("", "k"), ("amq.direct", "k"), ("e" * 250, "k"), ("e", "é" * 128)])
def test_names_that_rabbitmq_would_refuse_are_refused_before_anything_is_sent(exchange, key):
    with pytest.raises(StoreError, match=r"exchange '"):
        m.check_names(exchange, key, "eu")


class StandingClock:
    def wall_s(self) -> float:
        return 1_700_000_000.0


def test_versions_grow_also_while_the_clock_stands_and_differ_between_publishers():
    one, other = m.Versions(StandingClock(), publisher=5), m.Versions(StandingClock(), publisher=6)

    ours, theirs = [one.next() for _ in range(1000)], [other.next() for _ in range(1000)]

    assert ours == sorted(set(ours))
    assert not set(ours) & set(theirs)


def test_the_dependency_on_a_message_takes_few_bytes_whatever_their_number():
    lineage = Lineage()
    publisher = m.Versions(StandingClock(), publisher=5)

    for _ in range(1000):
        lineage = lineage.add(Dependency("notes", "eu", publisher.next()))

    assert len(lineage.pack()) <= 32
