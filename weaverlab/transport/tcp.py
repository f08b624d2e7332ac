"""A TCP port to listen on, or one clear sentence why not. Not in here: who accepts (`proxy`, authors' servers)."""

from __future__ import annotations

import errno
import socket

from weaverlab.errors import DeployError

BACKLOG = 1024  # the kernel caps it; whoever comes later waits in connect()
PORT_MAX = 65535

_REASONS = {
    errno.EADDRINUSE: "something already listens there. Stop it (`ss -ltnp` shows what it is), or take another port",
    errno.EACCES: "this user may not listen on that port. Take one from 1024 on",
    errno.EADDRNOTAVAIL: "this machine has no such address. Take 127.0.0.1 (reached from this machine only), 0.0.0.0 "
    "(from everywhere) or one that `ip address` shows",
}


def listen(name: str, address: str) -> socket.socket:
    """Return a socket that listens on `address`: "host:port", with an IPv6 host in brackets; port 0 is any free one.

    Raises:
        DeployError: it cannot; says which listener (`name`), which address, why, and what to do.
    """
    refusal: OSError | None = None
    for family, where in _candidates(name, address):
        try:
            return _listen_on(family, where)
        except OSError as error:
            refusal = refusal or error
    assert refusal is not None
    reason = _REASONS.get(refusal.errno or 0, f"{refusal.strerror}. Take another address")
    raise _fault(name, f"cannot listen on {address}: {reason}") from refusal


def _candidates(name: str, address: str) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Return what `address` may mean, the resolver's favourite first: "localhost" has an IPv6 address and another."""
    host, port = split(address)
    if not host or not port.isdecimal() or int(port) > PORT_MAX:
        expected = f'"host:port" with a port from 0 to {PORT_MAX}, such as "127.0.0.1:8080"'
        raise _fault(name, f"expected {expected}, saw {address!r}")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise _fault(name, f"cannot listen on {address}: the host name {host!r} is not known ({error})") from error
    return [(family, where) for family, _, _, _, where in found]  # type: ignore[misc]


def split(address: str) -> tuple[str, str]:
    """Return host and port of "host:port", the host without brackets."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), port


def _listen_on(family: socket.AddressFamily, where: tuple[str, int]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _fault(name: str, what: str) -> DeployError:
    where = "[listeners], [single.listeners] or [multi.listeners] of weaver.toml"
    return DeployError(
        f"listener {name!r}: {what}.\nIts address is the key {name!r} in {where}; port 0 is any free one."
    )
