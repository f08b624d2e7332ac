"""Passages of a relay (`tests.fuzz.relay`) that know where TLS records begin, and cut, change, repeat or swap them.

A record is named by who says it and its number, from 0, among all that he says on this connection.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.relay import Cut, Passage, Said

HEADER_BYTES = 5  # of a record: its type, the version, and the length of its body
CHANGE_CIPHER_SPEC = 20  # a type of record that means nothing in TLS 1.3: receivers drop it


def record_bytes(begun: bytes) -> int:
    """Return the length of the record that begins so, as far as it can be known."""
    return HEADER_BYTES + (int.from_bytes(begun[3:5], "big") if len(begun) >= HEADER_BYTES else 0)


def nothing(size: int) -> int:
    return 0


def middle(size: int) -> int:
    return HEADER_BYTES + (size - HEADER_BYTES) // 2


def all_but_one(size: int) -> int:
    return size - 1


class Records(Passage):
    """Takes one record at a time off its socket, and passes it on as `carry_record` says."""

    def __init__(self) -> None:
        self.seen: dict[Said, list[bytes]] = {who: [] for who in Said}
        self.begun = dict.fromkeys(Said, b"")  # of a record whose rest is to come

    def bytes_max(self, who: Said) -> int:
        return record_bytes(self.begun[who]) - len(self.begun[who])

    def carry(self, who: Said, data: bytes) -> bytes:
        self.begun[who] += data
        if self.bytes_max(who):
            return b""
        record, self.begun[who] = self.begun[who], b""
        self.seen[who].append(record)
        return self.carry_record(who, len(self.seen[who]) - 1, record)

    def carry_record(self, who: Said, number: int, record: bytes) -> bytes:
        return record


class Closed(Records):
    """Ends the connection after `share` of record `number`, having read all of it."""

    def __init__(self, who: Said, number: int, share: Callable[[int], int]) -> None:
        super().__init__()
        self._place, self._share = (who, number), share

    def carry_record(self, who: Said, number: int, record: bytes) -> bytes:
        if (who, number) == self._place:
            raise Cut(record[: self._share(len(record))])
        return record


class Reset(Records):
    """The same, but what it does not pass on it does not read either: whoever sent it gets an error."""

    def __init__(self, who: Said, number: int, share: Callable[[int], int]) -> None:
        super().__init__()
        self._place, self._share = (who, number), share

    def bytes_max(self, who: Said) -> int:
        begun = self.begun[who]
        if (who, len(self.seen[who])) == self._place and len(begun) >= HEADER_BYTES:
            return self._share(record_bytes(begun)) - len(begun)
        return super().bytes_max(who)

    def carry(self, who: Said, data: bytes) -> bytes:
        if (who, len(self.seen[who])) != self._place:
            return super().carry(who, data)
        self.begun[who] += data
        return b"" if self.bytes_max(who) else self.begun[who]


class Changed(Records):
    """Passes on `change(the one before, record)` for record `number`."""

    def __init__(self, who: Said, number: int, change: Callable[[bytes, bytes], bytes]) -> None:
        super().__init__()
        self._place, self._change = (who, number), change

    def carry_record(self, who: Said, number: int, record: bytes) -> bytes:
        return self._change(self.seen[who][number - 1], record) if (who, number) == self._place else record


class Swapped(Records):
    """Holds record `number` back until the next one has passed."""

    def __init__(self, who: Said, number: int) -> None:
        super().__init__()
        self._who, self._number = who, number

    def carry_record(self, who: Said, number: int, record: bytes) -> bytes:
        if who is self._who and number == self._number:
            return b""
        if who is self._who and number == self._number + 1:
            return record + self.seen[who][self._number]
        return record


def _flipped(record: bytes, place: int) -> bytes:
    return record[:place] + bytes([record[place] ^ 1]) + record[place + 1 :]


def flip(_: bytes, record: bytes) -> bytes:
    """Change one bit of the record's body."""
    return _flipped(record, middle(len(record)))


def lengthen(_: bytes, record: bytes) -> bytes:
    """Change one bit of its length: a small record's receiver waits for 256 bytes more."""
    return _flipped(record, 3)


def repeat(before: bytes, record: bytes) -> bytes:
    """Put the one before in front of it once more."""
    return before + record
