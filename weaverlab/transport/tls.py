"""Who is at the other end, by TLS 1.3 and certificates of the deployment's own authority: `[multi] mtls = true`.

Both ends show a certificate. It names a weavelet by a URI, as SPIFFE does, `weaverlab://DEPLOYMENT/VERSION/REPLICA`,
and is signed by the authority of that one version of that one deployment. No other is trusted: whoever has no such
certificate is dropped before a byte of it is unpickled. A client also checks that it has reached the replica it wants.

Not in here: who signs (`deployers.authority`), and what a known peer may call (`runtime.permissions`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

from weaverlab.errors import AuthenticationError
from weaverlab.transport.patience import Patience
from weaverlab.transport.tls_socket import RECORD_BYTES, Engine, TlsSocket
from weaverlab.wire import Refused

Connected: TypeAlias = "socket.socket | TlsSocket"  # what both data paths read and write

_SENTENCES = {  # by OpenSSL's name of what went wrong
    "WRONG_VERSION_NUMBER": "it does not speak TLS, which this deployment requires (mtls = true)",
    "UNSUPPORTED_PROTOCOL": "it does not speak TLS 1.3",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it does not speak TLS 1.3",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it has no certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it asks for a certificate, and this end has none",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust this end's certificate: it is of another deployment, or version",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that this end's certificate has expired",
}


@dataclass(frozen=True)
class Credentials:
    """What one weavelet proves itself with, and checks others against. The key appears in no repr."""

    domain: str  # what the names of all weavelets of this version begin with
    replica: str
    authority_pem: str
    certificate_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)


def domain(deployment_id: str, version: str) -> str:
    """Return what the names in all certificates of one version of a deployment begin with."""
    return f"weaverlab://{quote(deployment_id, safe='')}/{quote(version, safe='') or '-'}/"


def uri(domain: str, replica: str) -> str:
    """Return the name of a replica as its certificate has it."""
    return domain + quote(replica)


class Tls:
    """The TLS of one weavelet. Used by any number of threads."""

    def __init__(self, credentials: Credentials) -> None:
        self._domain = credentials.domain
        self.renew(credentials)

    def renew(self, credentials: Credentials) -> None:
        """Use these from now on. Connections that are open stay so."""
        self._client = _context(ssl.PROTOCOL_TLS_CLIENT, credentials)
        self._server = _context(ssl.PROTOCOL_TLS_SERVER, credentials)

    def to(self, replica: str) -> PeerTls:
        """Return what connects to this replica, and to no other."""
        return PeerTls(self, replica)

    def accept(self, sock: socket.socket, patience: Patience) -> tuple[TlsSocket, str]:
        """Carry the handshake of a connection that has come; return what to speak through, and the peer's replica.

        Raises:
            Refused: the peer did not prove that it is of this version of this deployment.
            EOFError, OSError: it ended the connection.
            TimeoutError: it took too long.
        """
        engine = Engine(self._server, is_server=True)
        try:
            _shake(engine, sock, patience)
            return TlsSocket(sock, engine), self.peer_of(engine)
        except ssl.SSLError as error:
            raise Refused(f"TLS: {reason(error)}") from None
        except AuthenticationError as error:
            raise Refused(f"TLS: {error}") from None

    def client_engine(self) -> Engine:
        """Return the engine of a connection that begins here."""
        return Engine(self._client, is_server=False)

    def peer_of(self, engine: Engine) -> str:
        """Return the replica that the peer's certificate, which has been verified, names."""
        names = [str(name[1]) for name in _alternative_names(engine) if name[0] == "URI"]
        if len(names) != 1 or not names[0].startswith(self._domain):
            raise AuthenticationError("the certificate names no weavelet of this version of this deployment")
        return unquote(names[0].removeprefix(self._domain))


class PeerTls:
    """The TLS of connections to one replica."""

    def __init__(self, tls: Tls, replica: str) -> None:
        self._tls = tls
        self._replica = replica

    def connect(self, sock: socket.socket, patience: Patience) -> TlsSocket:
        """Carry the handshake on a socket that has just been connected.

        Raises:
            AuthenticationError: the other end is not the replica it should be.
            EOFError, OSError: it ended the connection. TimeoutError: it took too long. GivenUp: as `patience` says.
        """
        engine = self._tls.client_engine()
        with explained():
            _shake(engine, sock, patience)
        return self._checked(sock, engine)

    async def connect_async(self, sock: socket.socket) -> TlsSocket:
        """The same on a loop; whoever awaits it bounds the time."""
        loop = asyncio.get_running_loop()
        engine = self._tls.client_engine()
        with explained(), _alert_sent(engine, sock):
            while not engine.shake():
                await loop.sock_sendall(sock, engine.take())
                engine.feed(_not_ended(await loop.sock_recv(sock, RECORD_BYTES)))
            await loop.sock_sendall(sock, engine.take())
        return self._checked(sock, engine)

    def _checked(self, sock: socket.socket, engine: Engine) -> TlsSocket:
        found = self._tls.peer_of(engine)
        if found != self._replica:
            raise AuthenticationError(f"expected replica {self._replica!r}, but the certificate there says {found!r}")
        return TlsSocket(sock, engine)


def _alternative_names(engine: Engine) -> tuple[Any, ...]:
    """Return (kind, name) for each name in the peer's certificate. (The types of `ssl` say less than it promises.)"""
    found: Any = (engine.ssl.getpeercert() or {}).get("subjectAltName", ())
    return tuple(found)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what TLS has against the peer, or it against us, into an AuthenticationError with a readable reason.

    In TLS 1.3 a client is done before its server has seen its certificate, so it learns of a refusal by its first read.
    """
    try:
        yield
    except ssl.SSLError as error:
        raise AuthenticationError(f"TLS: {reason(error)}") from None


def reason(error: ssl.SSLError) -> str:
    """Return a sentence on what went wrong, from the view of the end that noticed. It names no secret."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is none of this version of this deployment ({error.verify_message})"
    return _SENTENCES.get(error.reason or "", f"the handshake failed ({error.reason or error})")


def _shake(engine: Engine, sock: socket.socket, patience: Patience) -> None:
    with _alert_sent(engine, sock):
        while not engine.shake():
            sock.sendall(engine.take())
            engine.feed(_received(sock, patience))
        sock.sendall(engine.take())


@contextlib.contextmanager
def _alert_sent(engine: Engine, sock: socket.socket) -> Iterator[None]:
    """Send the engine's last words when a handshake fails: they say why."""
    try:
        yield
    except ssl.SSLError:
        with contextlib.suppress(OSError):
            sock.send(engine.take())
        raise


def _received(sock: socket.socket, patience: Patience) -> bytes:
    while True:
        sock.settimeout(patience.sleep_s())
        try:
            return _not_ended(sock.recv(RECORD_BYTES))
        except TimeoutError:
            continue


def _not_ended(ciphertext: bytes) -> bytes:
    if not ciphertext:
        raise EOFError("the peer closed the connection during the TLS handshake")
    return ciphertext


def _context(protocol: ssl._SSLMethod, credentials: Credentials) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # weavelets have no host names; `peer_of` looks at the name that they do have
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=credentials.authority_pem)
    with _as_file(credentials.certificate_pem) as certificate, _as_file(credentials.key_pem) as key:
        context.load_cert_chain(certificate, key)
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0  # nobody resumes: connections live long, and each of them proves who it is
    return context


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Lend `content` a path, that of a pipe: `ssl` takes a key from a file only, and ours is to be on no disk."""
    reader, writer = os.pipe()
    try:
        with open(writer, "wb") as pipe:
            pipe.write(content)  # a page at most, which every pipe holds
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)
