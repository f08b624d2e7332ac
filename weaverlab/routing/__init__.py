"""Which replica takes a call, and how long to wait before a call is repeated. Pure: no clock, no chance, no socket."""

from __future__ import annotations

from weaverlab.routing.backoff import Backoff
from weaverlab.routing.balance import RoundRobin

__all__ = ["Backoff", "RoundRobin"]
