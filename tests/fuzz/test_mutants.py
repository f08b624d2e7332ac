"""Recorded conversations, changed at every byte, against both ends without their sockets: `ends` says what must hold.

Here it is a sample of the changes; `make fuzz` takes all of them, and more than a million together.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import corpus
from tests.fuzz.ends import TooManySteps, bounded_memory, bounded_steps, check_frames, check_handshake
from tests.fuzz.mutations import Mutant, changed_pieces, positions
from tests.fuzz.recording import recorded
from tests.fuzz.relay import Said
from weaverlab.wire import Kind, Mode
from weaverlab.wire.frames import Flag

KIND_AT, FLAGS_AT = 4, 5  # in a frame
SAMPLE_EVERY = 97  # a prime, so that it meets every kind of change at every kind of place


@pytest.mark.slow
def test_single_changes_give_messages_or_the_protocols_own_error() -> None:
    assert corpus.check_all(itertools.islice(corpus.systematic(), 0, None, SAMPLE_EVERY)) > 5_000


@pytest.mark.slow
def test_several_changes_at_once_give_messages_or_the_protocols_own_error() -> None:
    assert corpus.check_all(corpus.seeded(range(5_000))) == 5_000


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_no_combination_of_changes_does_anything_else(rng: random.Random) -> None:
    corpus.havoc_case(rng, "of hypothesis").check()


def test_the_conversations_hold_every_kind_of_frame_and_every_optional_part() -> None:
    frames = [frame for mode in Mode for who in Said for frame in recorded(mode).said(who).frames]

    assert {frame[KIND_AT] for frame in frames} == set(Kind)
    flags = 0
    for frame in frames:
        flags |= frame[FLAGS_AT]
    assert flags == sum(Flag)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("sender", list(Said))
def test_what_was_recorded_is_understood_when_it_is_not_changed(mode: Mode, sender: Said) -> None:
    conversation = recorded(mode)
    side = conversation.said(sender)
    receiver = Said.BY_SERVER if sender is Said.BY_CLIENT else Said.BY_CLIENT

    assert check_handshake(Mutant("unchanged", b"".join(side.handshake)), conversation, receiver)
    outcome = check_frames(Mutant("unchanged", b"".join(side.frames)), receiver)
    handed_out = [frame for frame in side.frames if frame[KIND_AT] != Kind.SEGMENT]  # which the reader takes itself
    assert (len(outcome.messages), outcome.error) == (len(handed_out), "")


def test_every_byte_of_a_piece_is_changed_and_cut_at() -> None:
    piece = bytes(range(100))
    mutants = list(changed_pieces([piece]))

    assert positions(piece) == list(range(100))
    assert {mutant.data for mutant in mutants} >= {piece[:at] for at in range(100)}
    touched = Counter(at for mutant in mutants if len(mutant.data) == 100 for at in range(100) if mutant.data[at] != at)
    assert set(touched) == set(range(100))


def test_the_microscope_sees_memory_that_is_taken_and_loops_that_do_not_end() -> None:
    with pytest.raises(AssertionError, match="bytes were taken for 3"), bounded_memory(b"abc"):
        bytearray(8 << 20)
    with pytest.raises(TooManySteps), bounded_steps(b"abc"):
        _endless()


def _endless() -> None:
    while True:
        len(b"")
