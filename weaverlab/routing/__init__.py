"""Which replica takes a call, and how long to wait before a call is repeated. Pure: no clock, no chance, no socket."""

from __future__ import annotations

from weaverlab.routing.assignment import SLOTS, Assignment
from weaverlab.routing.backoff import Backoff
from weaverlab.routing.balance import LeastLoaded, RoundRobin
from weaverlab.routing.keys import slot_of
from weaverlab.routing.table import Member, RoutingTable

__all__ = ["SLOTS", "Assignment", "Backoff", "LeastLoaded", "Member", "RoundRobin", "RoutingTable", "slot_of"]
