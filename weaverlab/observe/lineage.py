"""What the events of a request mean: its calls, its violations, its story as text. The picture is in `spacetime.py`.

Events may be missing (they are kept in rings of bounded size) and come in any order; nothing here raises for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weaverlab.history import (
    Applied,
    Delivered,
    Event,
    Finished,
    Invoked,
    Observed,
    Returned,
    Started,
    Waited,
    Wrote,
)
from weaverlab.observe.units import milliseconds_text


@dataclass(frozen=True)
class Violation:
    """A read that did not see a write which its own request had made before; `applied` is when it would have."""

    wrote: Wrote
    observed: Observed
    applied: Applied | None

    @property
    def early_s(self) -> float | None:
        """How much earlier than the write the read came, None when the write's arrival is not recorded."""
        return self.applied.at_s - self.observed.at_s if self.applied else None

    def __str__(self) -> str:
        where = f" in {self.observed.region}" if self.observed.region else ""
        how_early = f" {milliseconds_text(self.early_s)}" if self.early_s is not None else ""
        return f"{item_text(self.observed)} was read{where}{how_early} before it arrived"


@dataclass(frozen=True)
class Execution:
    """One run of a call's method; a retried call may have several. Either end may be unknown."""

    started: Started | None
    finished: Finished | None


@dataclass(frozen=True)
class CallStory:
    """What is known of one call."""

    span: str
    invoked: Invoked | None
    executions: tuple[Execution, ...]
    returned: Returned | None


def requests(events: Iterable[Event]) -> dict[str, tuple[Event, ...]]:
    """Return the events of each request in time order, the requests in the order of their first events."""
    grouped: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda event: event.at_s):
        grouped.setdefault(event.request, []).append(event)
    return {request: tuple(its_events) for request, its_events in grouped.items()}


def one_request(events: Iterable[Event], request: str | None = None) -> tuple[Event, ...]:
    """Return the events of `request` in time order; without one, of the newest violated request, else of the newest."""
    grouped = requests(events)
    if request is not None:
        return grouped.get(request, ())
    newest_first = list(reversed(grouped.values()))
    violated = (its_events for its_events in newest_first if is_violation(its_events))
    return next(violated, next(iter(newest_first), ()))


def violations(events: Iterable[Event]) -> tuple[Violation, ...]:
    """Return every read that missed a write which the same request had made before it, in time order.

    A read misses a write of its table and key when it found nothing, or an older version of the same scope.
    Versions of different scopes cannot be compared, so such a read is never called a violation.
    """
    found: list[Violation] = []
    for its_events in requests(events).values():
        writes = [event for event in its_events if isinstance(event, Wrote)]
        for read in its_events:
            if isinstance(read, Observed) and (missed := _missed(read, writes)):
                found.append(Violation(missed, read, _arrival(missed, read.region, its_events)))
    return tuple(found)


def is_violation(events: Iterable[Event]) -> bool:
    """Return whether any request among `events` read less than it had written before."""
    return bool(violations(events))


def calls(events: Sequence[Event]) -> tuple[CallStory, ...]:
    """Return the calls of one request, in the order of their first events."""
    spans: dict[str, list[Event]] = {}
    for event in events:
        if isinstance(event, (Invoked, Started, Finished, Returned)):
            spans.setdefault(event.span, []).append(event)
    return tuple(_call(span, its_events) for span, its_events in spans.items())


def lineage_text(events: Iterable[Event], request: str | None = None) -> str:
    """Return the story of one request (chosen as in `one_request`) in time order, a line for each event."""
    chosen = one_request(events, request)
    if not chosen:
        return "No events were recorded for this request."
    faults = {violation.observed: violation for violation in violations(chosen)}
    verdict = "; ".join(f"VIOLATION: {violation}" for violation in faults.values()) or "no violation"
    who = max(len(_place(event)) for event in chosen)
    lines = [f"request {chosen[0].request}: {verdict}"]
    for event in chosen:
        fault = f"   <-- VIOLATION: {faults[event]}" if isinstance(event, Observed) and event in faults else ""
        since_ms = (event.at_s - chosen[0].at_s) * 1e3
        lines.append(f"{since_ms:9.2f} ms  {_place(event):{who}}  {event_text(event)}{fault}")
    return "\n".join(lines)


def event_text(event: Event) -> str:
    """Return what happened, in a few words."""
    match event:
        case Invoked():
            return f"calls {event.callee}.{event.method}"
        case Started():
            return f"begins {event.method}"
        case Finished():
            return f"ends with {event.error}" if event.error else "ends"
        case Returned():
            return f"gets {event.error}" if event.error else "has the answer"
        case Wrote():
            return f"wrote {item_text(event)} as version {event.version}"
        case Applied():
            return f"{item_text(event)} version {event.version} becomes visible"
        case Observed():
            return f"read {item_text(event)}: " + (f"found version {event.version}" if event.found else "not found")
        case Delivered():
            return f"receives {item_text(event)}"
        case Waited():
            gave_up = f", gave up on {event.missing}" if event.missing else ""
            count = len(event.dependencies)
            noun = "dependency" if count == 1 else "dependencies"
            return f"barrier waited {milliseconds_text(event.at_s - event.started_s)} for {count} {noun}{gave_up}"
    return type(event).__name__


def item_text(event: Wrote | Applied | Observed | Delivered) -> str:
    """Return `store/key`, with the table between them where it says more than the store does."""
    table = f"{event.table}/" if event.table not in ("", event.store) else ""
    return f"{event.store}/{table}{event.key}"


def _place(event: Event) -> str:
    name = event.store if isinstance(event, Applied) else event.component
    return f"{name} ({event.region})" if event.region else name


def _missed(read: Observed, writes: Sequence[Wrote]) -> Wrote | None:
    """Return the latest write that `read` should have seen and did not."""
    item = (read.store, read.table, read.key)
    before = [w for w in writes if (w.store, w.table, w.key) == item and w.at_s <= read.at_s]
    newer = [w for w in before if not read.found or (w.scope == read.scope and w.version > read.version)]
    return newer[-1] if newer else None


def _arrival(wrote: Wrote, region: str, events: Sequence[Event]) -> Applied | None:
    """Return the event by which the effect of `wrote` reached `region`."""
    return next(
        (
            event
            for event in events
            if isinstance(event, Applied)
            and event.region == region
            and (event.store, event.scope, event.version) == (wrote.store, wrote.scope, wrote.version)
        ),
        None,
    )


def _call(span: str, events: Sequence[Event]) -> CallStory:
    invoked = next((event for event in events if isinstance(event, Invoked)), None)
    returned = next((event for event in events if isinstance(event, Returned)), None)
    endings = [event for event in events if isinstance(event, Finished)]
    executions: list[Execution] = []
    for started in events:
        if isinstance(started, Started):
            mine = (e for e in endings if (e.component, e.replica) == (started.component, started.replica))
            finished = next((e for e in mine if e.at_s >= started.at_s), None)
            executions.append(Execution(started, finished))
            if finished:
                endings.remove(finished)
    executions += [Execution(None, finished) for finished in endings]
    return CallStory(span, invoked, tuple(executions), returned)
