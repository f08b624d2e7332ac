"""What may be received when, for both ends of a connection that has shaken hands. Pure: bytes in, messages out.

    server ends politely:   READY --goodbye()--> DRAINING     it answers what it has, executes nothing new
    client is told:         READY --GOODBYE----> DRAINING     it takes the answers, sends nothing new

The connections that carry many calls at once go through `Connection`. The blocking ones, with one call in flight, do
not: there the table has one line (a CALL is followed by its REPLY, FAILURE or GOODBYE), a lookup costs as much as
the rest of decoding, and so the two loops in `transport` check that one line themselves. Frames are encoded and
decoded by the same functions for both. A SEGMENT may come at any time and changes nothing: the reader takes it.
"""

from __future__ import annotations

from enum import Enum, IntEnum

from weaverlab.errors import ProtocolError
from weaverlab.wire.frames import MAX_FRAME_BYTES, Kind, Message, encode_notice
from weaverlab.wire.reader import FrameReader
from weaverlab.wire.shared import SharedMemory

MUX_SCRATCH_BYTES = 64 * 1024  # one read may bring many frames


class Role(Enum):
    """Which end of the connection."""

    CLIENT = "client"
    SERVER = "server"


class State(IntEnum):
    """Where the connection stands, as seen by one end."""

    READY = 1
    DRAINING = 2
    CLOSED = 3


# By role: state -> kind received -> next state. What is missing is the peer's mistake and ends the connection.
TRANSITIONS: dict[Role, dict[State, dict[Kind, State]]] = {
    Role.CLIENT: {
        State.READY: {
            Kind.REPLY: State.READY,
            Kind.FAILURE: State.READY,
            Kind.ITEM: State.READY,
            Kind.GOODBYE: State.DRAINING,
        },
        State.DRAINING: {Kind.REPLY: State.DRAINING, Kind.FAILURE: State.DRAINING, Kind.ITEM: State.DRAINING},
        State.CLOSED: {},
    },
    Role.SERVER: {
        State.READY: {
            Kind.CALL: State.READY,
            Kind.STREAM: State.READY,
            Kind.CREDIT: State.READY,
            Kind.CANCEL: State.READY,
        },
        # A CALL or STREAM here crossed the GOODBYE on its way. It is not handed out; the caller knows from the GOODBYE.
        State.DRAINING: {
            Kind.CALL: State.DRAINING,
            Kind.STREAM: State.DRAINING,
            Kind.CREDIT: State.DRAINING,
            Kind.CANCEL: State.DRAINING,
        },
        State.CLOSED: {},
    },
}

# What most messages are, and what changes nothing: the one that each end receives all the time while READY.
_USUAL = {Role.CLIENT: Kind.REPLY, Role.SERVER: Kind.CALL}
_CALLS = (Kind.CALL, Kind.STREAM)


class Connection:
    """One end of a connection with many calls in flight. After ProtocolError it is closed."""

    def __init__(
        self, role: Role, max_frame_bytes: int = MAX_FRAME_BYTES, shared_memory: SharedMemory | None = None
    ) -> None:
        self.state = State.READY
        self.last_call_id = 0  # server: of the calls handed out; client, once draining: as the peer's GOODBYE said
        self._is_server = role is Role.SERVER
        self._usual = int(_USUAL[role])
        self._role = role
        self.reader = FrameReader(max_frame_bytes, MUX_SCRATCH_BYTES, shared_memory)  # for its `buffer`
        self._received = self.reader.received

    def received(self, count: int) -> list[Message]:
        """Return the messages that `count` more bytes in the reader's `buffer` completed.

        Raises:
            ProtocolError: no frame, or one that may not come now.
        """
        try:
            messages = self._received(count)
            for message in messages:
                if message.kind == self._usual and self.state is State.READY:
                    if message.call_id <= self.last_call_id and self._is_server:
                        raise self._replayed(message)
                    self.last_call_id = message.call_id  # means something at the server only
                else:
                    self._move(message)
        except ProtocolError:
            self.state = State.CLOSED
            raise
        if self._is_server and self.state is State.DRAINING:
            return [message for message in messages if message.kind not in _CALLS]
        return messages

    def received_eof(self) -> str:
        """Close, as the peer did; return what was wrong with it, or `""` when it ended between two frames."""
        self.state = State.CLOSED
        return "" if self.reader.is_between_frames else "the peer closed the connection in the middle of a frame"

    def goodbye(self) -> bytes:
        """Begin to drain; return the notice to send, which names the last call that will be answered."""
        self.state = State.DRAINING
        return encode_notice(Kind.GOODBYE, self.last_call_id)

    def close(self) -> None:
        """Accept nothing from now on."""
        self.state = State.CLOSED

    def _move(self, message: Message) -> None:
        """Go where the table says. Raises ProtocolError when it says nothing."""
        was = self.state
        try:
            self.state = TRANSITIONS[self._role][was][Kind(message.kind)]
        except KeyError:
            what = Kind(message.kind).name
            raise ProtocolError(f"the peer sent a {what}, which may not come while {was.name}") from None
        if message.kind == Kind.STREAM and was is State.READY and message.call_id <= self.last_call_id:
            raise self._replayed(message)
        if message.kind == Kind.GOODBYE or (message.kind == Kind.STREAM and was is State.READY):
            self.last_call_id = message.call_id

    def _replayed(self, message: Message) -> ProtocolError:
        """Return the error for a call that is executed already, or would be before one that came earlier."""
        return ProtocolError(f"the peer sent call {message.call_id} after call {self.last_call_id}: ids must grow")
