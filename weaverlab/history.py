"""What happened, as data: the events that lineage views and checkers read.

Times are `Clock.now_s()` seconds, comparable between the processes of one host. An event belongs to one
request, named by its trace id. Who records events, and where they are kept, is not in here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something that happened to one request at one replica of a component."""

    at_s: float
    request: str
    component: str
    replica: str
    region: str


@dataclass(frozen=True)
class Invoked(Event):
    """A caller sent a call; `span` joins its four events."""

    span: str
    callee: str
    method: str


@dataclass(frozen=True)
class Started(Event):
    """The callee began to execute the call."""

    span: str
    method: str


@dataclass(frozen=True)
class Finished(Event):
    """The callee ended the call; `error` is the exception's class name, or empty."""

    span: str
    error: str = ""


@dataclass(frozen=True)
class Returned(Event):
    """The caller has the answer; `error` is the exception's class name, or empty."""

    span: str
    error: str = ""


@dataclass(frozen=True)
class Wrote(Event):
    """An item or a message was accepted by a store as `version` of `scope`."""

    store: str
    table: str
    key: str
    scope: str
    version: int


@dataclass(frozen=True)
class Applied(Event):
    """A store made `version` of `scope` visible in `region`."""

    store: str
    table: str
    key: str
    scope: str
    version: int


@dataclass(frozen=True)
class Observed(Event):
    """A read found an item (`found`), or did not; scope and version are those of the item found."""

    store: str
    table: str
    key: str
    found: bool
    scope: str = ""
    version: int = 0


@dataclass(frozen=True)
class Delivered(Event):
    """A message reached a consumer, with the lineage of its writer."""

    store: str
    table: str
    key: str
    scope: str
    version: int


@dataclass(frozen=True)
class Waited(Event):
    """A barrier ended at `at_s`, having begun at `started_s`; `missing` counts what it gave up on."""

    started_s: float
    dependencies: tuple[tuple[str, str, int], ...]
    missing: int = 0
