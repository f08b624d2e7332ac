"""Both ends prove that they know the deployment's secret before one byte of a frame is read. No I/O here.

    client                                              server
      | HELLO      mode, nonce C                          |
      |-------------------------------------------------->|
      |         CHALLENGE  nonce S, HMAC(secret, "server" mode C S)
      |<--------------------------------------------------|   the client now knows the server
      | PROOF      HMAC(secret, "client" mode C S)        |
      |-------------------------------------------------->|   the server now knows the client
      |                                          WELCOME  |
      |<--------------------------------------------------|   frames may follow

Every message has the same 72 bytes, so nobody can announce a length. Different labels per direction make a proof
useless when it is sent back to its maker (reflection), fresh nonces make a recorded one useless (replay), and the
connection mode is under the HMAC, so nobody in between can change it. A refusal is a message too, so that the other
end can say why; it never says more than which check failed.
"""

from __future__ import annotations

import hmac
from enum import IntEnum
from struct import Struct

from weaverlab.errors import AuthenticationError, ProtocolError

# Any change of a frame or of the handshake raises this. The first six bytes of a message never change.
PROTOCOL_VERSION = 2
MAGIC = b"WVLB"
NONCE_BYTES = 32
# magic, version, step, detail (mode of a HELLO, reason of a REFUSAL), nonce, proof; unused fields are zero
_MESSAGE = Struct(f"<4sHBB{NONCE_BYTES}s32s")
MESSAGE_BYTES = _MESSAGE.size
_NOTHING = bytes(32)


class Mode(IntEnum):
    """What the connection will carry."""

    SYNC = 1  # one call at a time, executed by the connection's own thread
    MUX = 2  # any number of calls at once, executed as tasks of an event loop


class Step(IntEnum):
    """Which message of the handshake."""

    HELLO = 1
    CHALLENGE = 2
    PROOF = 3
    WELCOME = 4
    REFUSAL = 5


class State(IntEnum):
    """What an end waits for."""

    HELLO = 1
    CHALLENGE = 2
    PROOF = 3
    WELCOME = 4
    DONE = 5
    REFUSED = 6


TRANSITIONS: dict[State, dict[Step, State]] = {
    # the server's
    State.HELLO: {Step.HELLO: State.PROOF},
    State.PROOF: {Step.PROOF: State.DONE},
    # the client's
    State.CHALLENGE: {Step.CHALLENGE: State.WELCOME, Step.REFUSAL: State.REFUSED},
    State.WELCOME: {Step.WELCOME: State.DONE, Step.REFUSAL: State.REFUSED},
    # both: whatever comes now is not part of the handshake
    State.DONE: {},
    State.REFUSED: {},
}


class Reason(IntEnum):
    """Why a handshake was refused."""

    VERSION = 1
    SECRET = 2


class Refused(AuthenticationError):
    """The server's verdict on a client; `farewell` is what to send before closing, maybe nothing."""

    def __init__(self, message: str, farewell: bytes = b"") -> None:
        super().__init__(message)
        self.farewell = farewell


class ClientHandshake:
    """The end that connects. Send `hello`; feed every 72 bytes to `receive` and send what it returns."""

    def __init__(self, secret: bytes, mode: Mode, nonce: bytes) -> None:
        self.state = State.CHALLENGE
        self.hello = _message(Step.HELLO, mode, nonce)
        self._secret = secret
        self._mode = mode
        self._nonce = nonce

    @property
    def is_done(self) -> bool:
        return self.state is State.DONE

    def receive(self, message: bytes) -> bytes:
        """Take one message; return the answer to send.

        Raises:
            ProtocolError: the server speaks another version, or something else altogether.
            AuthenticationError: one end's secret is not the other's.
        """
        version, step, detail, nonce, proof = _parsed(message)
        if version != PROTOCOL_VERSION:
            raise ProtocolError(_versions("the server", version))
        self.state = _moved(self.state, step)
        if self.state is State.REFUSED:
            raise AuthenticationError(
                "the server did not accept this client's proof"
                if detail == Reason.SECRET
                else f"the server refused this client (reason {detail})"
            )
        if self.state is State.DONE:
            return b""
        if not hmac.compare_digest(proof, _proof(self._secret, b"server", self._mode, self._nonce, nonce)):
            raise AuthenticationError("the server did not prove that it knows this deployment's secret")
        return _message(Step.PROOF, proof=_proof(self._secret, b"client", self._mode, self._nonce, nonce))


class ServerHandshake:
    """The end that was connected to. Feed every 72 bytes to `receive` and send what it returns."""

    def __init__(self, secret: bytes, nonce: bytes) -> None:
        self.state = State.HELLO
        self.mode = Mode.SYNC
        self._secret = secret
        self._nonce = nonce
        self._expected_proof = _NOTHING

    @property
    def is_done(self) -> bool:
        return self.state is State.DONE

    def receive(self, message: bytes) -> bytes:
        """Take one message; return the answer to send. Raises Refused, the reason free of secrets."""
        try:
            version, step, detail, nonce, proof = _parsed(message)
            if version != PROTOCOL_VERSION:
                raise Refused(_versions("the client", version), _message(Step.REFUSAL, Reason.VERSION))
            self.state = _moved(self.state, step)
        except ProtocolError as error:
            raise Refused(str(error)) from None
        if self.state is State.PROOF:
            return self._challenge(detail, nonce)
        if not hmac.compare_digest(proof, self._expected_proof):
            self.state = State.REFUSED
            reason = "the client did not prove that it knows this deployment's secret"
            raise Refused(reason, _message(Step.REFUSAL, Reason.SECRET))
        return _message(Step.WELCOME)

    def _challenge(self, mode: int, nonce: bytes) -> bytes:
        if mode not in (Mode.SYNC, Mode.MUX):
            raise Refused(f"the client asked for the unknown connection mode {mode}")
        self.mode = Mode(mode)
        self._expected_proof = _proof(self._secret, b"client", self.mode, nonce, self._nonce)
        proof = _proof(self._secret, b"server", self.mode, nonce, self._nonce)
        return _message(Step.CHALLENGE, nonce=self._nonce, proof=proof)


def _proof(secret: bytes, who: bytes, mode: Mode, client_nonce: bytes, server_nonce: bytes) -> bytes:
    text = b"weaverlab handshake %d %s %d " % (PROTOCOL_VERSION, who, mode) + client_nonce + server_nonce
    return hmac.digest(secret, text, "sha256")


def _message(step: Step, detail: int = 0, nonce: bytes = _NOTHING, proof: bytes = _NOTHING) -> bytes:
    return _MESSAGE.pack(MAGIC, PROTOCOL_VERSION, step, detail, nonce, proof)


def _parsed(message: bytes) -> tuple[int, int, int, bytes, bytes]:
    magic, version, step, detail, nonce, proof = _MESSAGE.unpack(message)
    if magic != MAGIC:
        raise ProtocolError("the peer does not speak this protocol: its first bytes are not a handshake's")
    return version, step, detail, nonce, proof


def _moved(state: State, step: int) -> State:
    try:
        return TRANSITIONS[state][Step(step)]
    except (ValueError, KeyError):
        raise ProtocolError(f"handshake message {step} came while waiting for {state.name}") from None


def _versions(who: str, version: int) -> str:
    return f"{who} speaks protocol version {version}, this process version {PROTOCOL_VERSION}; deploy both again"
