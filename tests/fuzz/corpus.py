"""All mutants there are, numbered: what `make test` takes a sample of, and `make fuzz` the whole."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.fuzz.ends import bounded_memory, bounded_steps, check_frames, check_handshake
from tests.fuzz.mutations import Mutant, changed_pieces, havoc, reorderings, splices
from tests.fuzz.recording import Conversation, recorded
from tests.fuzz.relay import Said
from weaverlab.wire import Mode

MEMORY_EVERY, STEPS_EVERY = 499, 251  # mutants; primes, so that it is not always the same kind of change


class Case(NamedTuple):
    """One mutant of what `sender` said in one conversation."""

    mode: Mode
    sender: Said
    is_handshake: bool
    mutant: Mutant

    @property
    def name(self) -> str:
        where = "handshake" if self.is_handshake else "frames"
        return f"{self.mode.name}, {where} of the {self.sender.value}: {self.mutant.name}"

    @property
    def receiver(self) -> Said:
        return Said.BY_SERVER if self.sender is Said.BY_CLIENT else Said.BY_CLIENT

    def check(self) -> None:
        """Raises AssertionError."""
        if self.is_handshake:
            check_handshake(self.mutant, recorded(self.mode), self.receiver)
        else:
            check_frames(self.mutant, self.receiver)


def systematic() -> Iterator[Case]:
    """Yield every single change of every piece, every exchange and replay, and a conversation put into another."""
    for mode, sender in itertools.product(Mode, Said):
        side = recorded(mode).said(sender)
        for is_handshake, pieces in ((True, side.handshake), (False, side.frames)):
            for mutant in changed_pieces(pieces):
                yield Case(mode, sender, is_handshake, mutant)
            for mutant in reorderings(pieces):
                yield Case(mode, sender, is_handshake, mutant)
            for mutant in splices(pieces, _others(mode, sender, is_handshake)):
                yield Case(mode, sender, is_handshake, mutant)


def havoc_case(rng: random.Random, name: str) -> Case:
    """Return a case of several changes at once."""
    mode, sender = rng.choice(list(Mode)), rng.choice(list(Said))
    is_handshake = rng.random() < 0.2
    side = recorded(mode).said(sender)
    pieces = side.handshake if is_handshake else side.frames
    return Case(mode, sender, is_handshake, Mutant(name, havoc(pieces, rng)))


def seeded(seeds: Iterable[int]) -> Iterator[Case]:
    """Yield a case of several changes for each seed, always the same."""
    for seed in seeds:
        yield havoc_case(random.Random(seed), f"havoc of seed {seed}")


def check_all(cases: Iterable[Case]) -> int:
    """Check all of them, some under the microscope; return how many. Raises AssertionError, which names the case."""
    number = 0
    for number, case in enumerate(cases, 1):
        try:
            case.check()
            if number % MEMORY_EVERY == 0:
                with bounded_memory(case.mutant.data):
                    case.check()
            if number % STEPS_EVERY == 0:
                with bounded_steps(case.mutant.data):
                    case.check()
        except Exception as error:
            raise AssertionError(f"{case.name}: {type(error).__name__}: {error}") from error
    return number


def _others(mode: Mode, sender: Said, is_handshake: bool) -> tuple[bytes, ...]:
    """Return what the others said: who speaks the other way, and who speaks in the other mode."""
    conversations: list[Conversation] = [recorded(one) for one in Mode]
    sides = [conversation.said(who) for conversation in conversations for who in Said]
    own = recorded(mode).said(sender)
    pieces = [side.handshake if is_handshake else side.frames for side in sides if side is not own]
    return tuple(piece for several in pieces for piece in several)
