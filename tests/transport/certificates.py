"""Credentials for tests of the transport, of one deployment and of another."""

from __future__ import annotations

from weaverlab.clock import SystemClock
from weaverlab.deployers.authority import Authority
from weaverlab.transport.tls import Tls

AUTHORITY = Authority("test", "v1", SystemClock)
ANOTHER = Authority("test", "v2", SystemClock)


def tls_of(replica: str, authority: Authority = AUTHORITY) -> Tls:
    return Tls(authority.issue(replica))
