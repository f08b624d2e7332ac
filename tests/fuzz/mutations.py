"""What may become of a recorded conversation on its way: every change has a name by which it can be made again.

Pure, and without knowledge of the format: a piece (a handshake message or a frame) is bytes. So what frames will have
tomorrow is changed like everything else, as soon as a recorded conversation has it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

FRAME_BYTES_MAX = 1 << 20  # the limit that the readers of mutants are given

# Lengths, counts and ids that a reader may stumble over, put at every byte as if a number began there.
NUMBERS = (0, 1, 0xFFFF, FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
WIDTHS = (1, 4, 8)
GARBAGE = (b"\0", b"\xff" * 8, b"GET / HTTP/1.1\r\n\r\n")
# A large buffer is content, every byte of it treated alike: only its two ends are changed.
HEAD_BYTES, TAIL_BYTES = 512, 32


class Mutant(NamedTuple):
    """A changed part of a conversation. `name` says what was done to which piece."""

    name: str
    data: bytes


def positions(piece: bytes) -> list[int]:
    """Return the places of `piece` at which it is changed."""
    if len(piece) <= HEAD_BYTES + TAIL_BYTES:
        return list(range(len(piece)))
    return [*range(HEAD_BYTES), *range(len(piece) - TAIL_BYTES, len(piece))]


def truncations(piece: bytes) -> Iterator[Mutant]:
    for at in positions(piece):
        yield Mutant(f"cut at {at}", piece[:at])


def flips(piece: bytes) -> Iterator[Mutant]:
    for at in positions(piece):
        for bit in range(8):
            changed = bytearray(piece)
            changed[at] ^= 1 << bit
            yield Mutant(f"bit {bit} of byte {at} flipped", bytes(changed))


def planted_numbers(piece: bytes) -> Iterator[Mutant]:
    for at, width, number in itertools.product(positions(piece), WIDTHS, NUMBERS):
        if number < 1 << 8 * width and at + width <= len(piece):
            changed = piece[:at] + number.to_bytes(width, "little") + piece[at + width :]
            yield Mutant(f"{number} in the {width} bytes from {at}", changed)


def insertions(piece: bytes) -> Iterator[Mutant]:
    for at, garbage in itertools.product(positions(piece), GARBAGE):
        yield Mutant(f"{garbage!r} put in at {at}", piece[:at] + garbage + piece[at:])


def removals(piece: bytes) -> Iterator[Mutant]:
    for at in positions(piece):
        yield Mutant(f"byte {at} left out", piece[:at] + piece[at + 1 :])


CHANGES = (truncations, flips, planted_numbers, insertions, removals)


def changed_pieces(pieces: Sequence[bytes]) -> Iterator[Mutant]:
    """Yield each piece with each single change, alone and with the next piece behind it."""
    for number, piece in enumerate(pieces):
        following = pieces[number + 1] if number + 1 < len(pieces) else b""
        for change in CHANGES:
            for name, data in change(piece):
                yield Mutant(f"piece {number}: {name}", data)
                yield Mutant(f"piece {number}: {name}, piece {number + 1} behind it", data + following)


def reorderings(pieces: Sequence[bytes]) -> Iterator[Mutant]:
    """Yield the whole conversation with a piece twice, a piece left out, and two pieces exchanged."""
    everything = list(pieces)
    for number, piece in enumerate(everything):
        yield Mutant(f"piece {number} left out", b"".join(everything[:number] + everything[number + 1 :]))
        for again in range(number + 1, len(everything) + 1):
            replayed = [*everything[:again], piece, *everything[again:]]
            yield Mutant(f"piece {number} replayed before {again}", b"".join(replayed))
    for one, other in itertools.combinations(range(len(everything)), 2):
        exchanged = list(everything)
        exchanged[one], exchanged[other] = exchanged[other], exchanged[one]
        yield Mutant(f"pieces {one} and {other} exchanged", b"".join(exchanged))


def splices(pieces: Sequence[bytes], others: Sequence[bytes]) -> Iterator[Mutant]:
    """Yield the beginning of a piece with the end of one from another conversation, or from the other direction."""
    for (number, piece), (other_number, other) in itertools.product(enumerate(pieces), enumerate(others)):
        for at in range(0, min(len(piece), len(other), HEAD_BYTES), 7):
            yield Mutant(f"piece {number} until {at}, then the other's {other_number}", piece[:at] + other[at:])


def havoc(pieces: Sequence[bytes], rng: random.Random) -> bytes:
    """Return up to four changes at once, in up to six pieces in any order."""
    chosen = [rng.choice(pieces) for _ in range(rng.randint(1, 6))]
    for _ in range(rng.randint(1, 4)):
        where = rng.randrange(len(chosen))
        chosen[where] = one_change(chosen[where], rng)
    return b"".join(chosen)


def one_change(piece: bytes, rng: random.Random) -> bytes:
    """Return `piece` with one change of any kind, mostly near its beginning, where there is more to misunderstand."""
    if not piece:
        return rng.choice(GARBAGE)
    at = rng.randrange(min(len(piece), rng.choice((32, 128, HEAD_BYTES, len(piece)))))
    match rng.randrange(5):
        case 0:
            return piece[:at]
        case 1:
            return piece[:at] + bytes([piece[at] ^ 1 << rng.randrange(8)]) + piece[at + 1 :]
        case 2:
            width = rng.choice(WIDTHS)
            number = rng.choice(NUMBERS) % (1 << 8 * width)
            return piece[:at] + number.to_bytes(width, "little") + piece[at + width :]
        case 3:
            return piece[:at] + rng.choice(GARBAGE) + piece[at:]
        case _:
            end = min(len(piece), at + rng.randint(1, 16))
            return piece[:at] + piece[end:]
