"""What goes along with the call that opens a stream, for both kinds of readers."""

from __future__ import annotations

from typing import NamedTuple


class Terms(NamedTuple):
    """`timeout_s` bounds the whole stream (0: it may take for ever), `wait_s` the wait for the first item.

    With `may_give_up` a peer that does not answer is left before the first item, as others do.
    """

    timeout_s: float
    wait_s: float
    trace: bytes
    lineage: bytes
    metadata: bytes
    may_give_up: bool
