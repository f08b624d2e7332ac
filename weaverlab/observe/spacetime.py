"""One request as a space-time diagram: lanes for components and stores, time to the right, causality as arrows.

A read that missed a write of its own request is the point of the picture: a red dashed arrow leads from the write
to it, and a red span shows by how much it came too early. What the events mean is decided in `lineage.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from weaverlab.history import Applied, Delivered, Event, Finished, Observed, Started, Waited, Wrote
from weaverlab.observe.callgraph import region_colours
from weaverlab.observe.drawing import BLUE, GREEN, GRID, INK, MUTED, PAPER, RED, Canvas, Drawing, text_width
from weaverlab.observe.labels import Labels
from weaverlab.observe.lanes import STORE_EVENTS, Lane, Lanes
from weaverlab.observe.lineage import (
    CallStory,
    Violation,
    calls,
    event_text,
    lineage_text,
    one_request,
    violations,
)
from weaverlab.observe.timescale import TimeScale
from weaverlab.observe.units import milliseconds_text, shorten

_MARGIN, _HEADER, _AXIS, _LEGEND = 16.0, 64.0, 40.0, 34.0
_PLOT_WIDTH = 760.0
_RIGHT = 96.0  # room for labels of what happens last
_BAR = 13.0
_NAME_LENGTH_MAX = 22


def lineage_drawing(events: Iterable[Event], request: str | None = None) -> Drawing:
    """Return the space-time diagram of one request among `events`.

    Args:
        events: of any number of requests, in any order; some may be missing.
        request: which one to draw; without it the newest that was violated, else the newest.
    """
    chosen = one_request(events, request)
    if not chosen:
        return _nothing(request)
    return _Painter(chosen).drawing()


def _nothing(request: str | None) -> Drawing:
    canvas = Canvas()
    text = "No events were recorded" + (f" for request {request}." if request else ".")
    canvas.text(_MARGIN, 32, text, size=13, fill=MUTED)
    return canvas.drawing("Lineage", text_width(text, 13) + 2 * _MARGIN, 52, text)


class _Painter:
    """Paints the events of one request; lives for one call of `lineage_drawing`."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.violations = violations(events)
        self.lanes = Lanes(events, _HEADER)
        self.colours = region_colours([group.region for group in self.lanes.groups])
        names = [text_width(shorten(lane.name, _NAME_LENGTH_MAX), 12, bold=True) for lane in self.lanes]
        self.left = _MARGIN + 34 + max(names)
        moments = [event.at_s for event in events] + [e.started_s for e in events if isinstance(e, Waited)]
        self.scale = TimeScale(moments, self.left, _PLOT_WIDTH)
        self.right = self.left + _PLOT_WIDTH
        self.width = self.right + _RIGHT
        self.canvas = Canvas()
        self.labels = Labels(self.left - 6, self.width - 8)
        self._reserve_signs()

    def drawing(self) -> Drawing:
        self._paint_header()
        self._paint_lanes()
        self._paint_axis()
        self._paint_replication()
        for call in calls(self.events):
            self._paint_call(call)
        for event in self.events:
            self._paint_event(event)
        for violation in self.violations:
            self._paint_violation(violation)
        for label in self.labels.placed:
            self.canvas.label(label.x, label.y, label.text, size=label.size, fill=label.colour)
        height = self.lanes.bottom + _AXIS + _LEGEND
        self._paint_legend(height - 12)
        title = f"Lineage of request {self.events[0].request}"
        return self.canvas.drawing(title, self.width, height, lineage_text(self.events))

    def _reserve_signs(self) -> None:
        """Keep the labels off what happened at the stores, the labels of earlier events included."""
        for event in self.events:
            lane = self.lanes.store(event.store, event.region) if isinstance(event, STORE_EVENTS) else None
            if lane:
                size = 10 if isinstance(event, Observed) else 6
                self.labels.reserve(self.scale.x(event.at_s), lane.y, size, size)

    # The frame.

    def _paint_header(self) -> None:
        canvas = self.canvas
        canvas.text(_MARGIN, 25, f"Request {shorten(self.events[0].request, 20)}", size=16, bold=True)
        if self.violations:
            more = f" (and {len(self.violations) - 1} more)" if len(self.violations) > 1 else ""
            verdict, colour = f"VIOLATION: {self.violations[0]}{more}", RED
        elif any(isinstance(event, Observed) for event in self.events):
            verdict, colour = "CONSISTENT: every read found what this request had written", GREEN
        else:
            verdict, colour = "no violation: this request read nothing", MUTED
        verdict = shorten(verdict, 110)
        width = text_width(verdict, 11, bold=True) + 16
        canvas.rect(_MARGIN, 34, width, 20, radius=10, fill=colour)
        canvas.text(_MARGIN + width / 2, 48, verdict, size=11, bold=True, fill=PAPER, anchor="middle")

    def _paint_lanes(self) -> None:
        canvas = self.canvas
        for group in self.lanes.groups:
            tint, strong = self.colours[group.region]
            canvas.rect(_MARGIN, group.top, self.width - 2 * _MARGIN + 8, group.bottom - group.top, radius=8, fill=tint)
            canvas.text(_MARGIN + 8, group.top + 16, shorten(group.region, 30), size=11, bold=True, fill=strong)
        for lane in self.lanes:
            strong = self.colours[lane.region][1]
            name = shorten(lane.name, _NAME_LENGTH_MAX)
            hover = f"{'store ' if lane.is_store else ''}{lane.name}" + (f" in {lane.region}" if lane.region else "")
            end = self.left - (32 if lane.is_store else 14)
            canvas.text(end, lane.y + 4, name, size=12, anchor="end", bold=not lane.is_store, hover=hover)
            if lane.is_store:
                self._paint_cylinder(self.left - 14, lane.y, strong)
            canvas.line(self.left - 6, lane.y, self.width - 14, lane.y, stroke=strong, opacity=0.55,
                        stroke_width=1, dash=[1, 3] if lane.is_store else [])  # fmt: skip

    def _paint_cylinder(self, right: float, y: float, colour: str) -> None:
        left, top, bottom = right - 11, y - 5, y + 5
        body = [("M", left, top), ("L", left, bottom), ("C", left, bottom + 3.5, right, bottom + 3.5, right, bottom),
                ("L", right, top), ("C", right, top - 3.5, left, top - 3.5, left, top), ("Z",)]  # fmt: skip
        self.canvas.path(body, fill=PAPER, stroke=colour)
        self.canvas.path([("M", left, top), ("C", left, top + 3.5, right, top + 3.5, right, top)], stroke=colour)

    def _paint_axis(self) -> None:
        bottom = self.lanes.bottom + 2
        for x, text in self.scale.ticks():
            self.canvas.line(x, _HEADER, x, bottom, stroke=MUTED, opacity=0.22)
            self.canvas.text(x, bottom + 13, text, size=10, anchor="middle", fill=MUTED)
        note = "milliseconds since the first event; time is stretched where much happens"
        self.canvas.text(self.left, bottom + 28, note, size=10, fill=MUTED)

    def _paint_legend(self, y: float) -> None:
        canvas, x = self.canvas, _MARGIN
        canvas.line(_MARGIN, y - 17, self.width - _MARGIN, y - 17, stroke=GRID)
        for kind, text in (("bar", "runs"), ("call", "calls"), ("answer", "answers"), ("write", "writes"),
                           ("apply", "replicates"), ("tick", "read found it"), ("cross", "read did not"),
                           ("barrier", "barrier waits"), ("violation", "read too early")):  # fmt: skip
            self._paint_legend_sign(kind, x, y - 4)
            canvas.text(x + 30, y, text, size=10, fill=MUTED)
            x += 30 + text_width(text, 10) + 16

    def _paint_legend_sign(self, kind: str, x: float, y: float) -> None:
        canvas = self.canvas
        grey = self.colours[""][1]
        if kind == "bar":
            canvas.rect(x, y - 5, 24, 10, radius=2, fill=grey, opacity=0.75)
        elif kind == "barrier":
            self._paint_hatched(x, y - 5, 24, 10, "")
        elif kind == "write":
            canvas.rect(x + 8, y - 4, 8, 8, radius=1, fill=grey)
        elif kind == "tick":
            canvas.tick(x + 12, y, 5, GREEN)
        elif kind == "cross":
            canvas.cross(x + 12, y, 4, RED)
        else:
            styles = {"call": (INK, []), "answer": (MUTED, [2, 2]), "apply": (grey, [5, 3]), "violation": (RED, [5, 3])}
            colour, dash = styles[kind]
            canvas.arrow((x, y), (x + 24, y), colour, dash=dash, stroke_width=2.2 if kind == "violation" else 1.3)

    # Calls.

    def _paint_call(self, call: CallStory) -> None:
        caller = self._lane(call.invoked or call.returned)
        for execution in call.executions:
            event = execution.started or execution.finished
            lane = self._lane(event)
            if lane is None or event is None:
                continue
            self._paint_execution(call, lane, execution.started, execution.finished)
            if caller and call.invoked and execution.started and caller is not lane:
                self._paint_arrow(
                    call.invoked.at_s, caller, execution.started.at_s, lane, INK, event_text(call.invoked)
                )
            if caller and call.returned and execution.finished and caller is not lane:
                hover = f"{caller.name} {event_text(call.returned)}"
                colour = RED if call.returned.error else MUTED
                self._paint_arrow(execution.finished.at_s, lane, call.returned.at_s, caller, colour, hover, dash=[2, 2])
        if call.invoked and caller and not call.executions and (lane := self.lanes.component(call.invoked.callee)):
            hover = f"{event_text(call.invoked)}; what happened there was not recorded"
            self._paint_arrow(call.invoked.at_s, caller, call.invoked.at_s, lane, MUTED, hover, dash=[1, 3])

    def _paint_execution(self, call: CallStory, lane: Lane, started: Started | None, finished: Finished | None) -> None:
        begin_s = started.at_s if started else call.invoked.at_s if call.invoked else self.scale.start_s
        end_s = finished.at_s if finished else call.returned.at_s if call.returned else self.scale.end_s
        x, width = self.scale.x(begin_s), max(self.scale.x(end_s) - self.scale.x(begin_s), 4.0)
        method = started.method if started else call.invoked.method if call.invoked else "?"
        ending = event_text(finished) if finished else "its end was not recorded"
        who = (started or finished or call.invoked).replica  # type: ignore[union-attr]  # one of the two is there
        hover = f"{lane.name}.{method} at {who}\n{ending}, {milliseconds_text(end_s - begin_s)}"
        failed = bool(finished and finished.error)
        colour = RED if failed else self.colours[lane.region][1]
        is_known = bool(started and finished)
        self.canvas.rect(x, lane.y - _BAR / 2, width, _BAR, radius=2, fill=colour, hover=hover,
                         opacity=0.8 if is_known else 0.4)  # fmt: skip
        text = f"{method}: {finished.error}" if failed and finished else method
        self.labels.beside(text, x, lane.y, colour)

    # Single events.

    def _paint_event(self, event: Event) -> None:
        x = self.scale.x(event.at_s)
        lane = self._lane(event)
        hover = f"{event_text(event)} at {milliseconds_text(event.at_s - self.scale.start_s)}"
        if isinstance(event, Waited):
            self._paint_wait(event, lane, hover)
        elif isinstance(event, Wrote):
            self._paint_store_visit(event, x, lane, hover)
        elif isinstance(event, Observed):
            self._paint_read(event, x, lane, hover)
        elif isinstance(event, Delivered):
            self._paint_delivery(event, x, lane, hover)

    def _paint_wait(self, event: Waited, lane: Lane | None, hover: str) -> None:
        if lane is None:
            return
        x = self.scale.x(event.started_s)
        width = max(self.scale.x(event.at_s) - x, 4.0)
        lacking = "".join(f"\n{store} {scope} {version}" for store, scope, version in event.dependencies)
        self._paint_hatched(x, lane.y - _BAR / 2, width, _BAR, hover + lacking)
        what, colour = ("barrier gave up after", RED) if event.missing else ("barrier", BLUE)
        self.labels.beside(f"{what} {milliseconds_text(event.at_s - event.started_s)}", x, lane.y, colour, size=11)

    def _paint_store_visit(self, event: Wrote, x: float, lane: Lane | None, hover: str) -> None:
        store = self.lanes.store(event.store, event.region)
        if store is None:
            return
        colour = self.colours[event.region][1]
        if lane:
            self._paint_arrow(event.at_s, lane, event.at_s, store, colour, hover, inset=5)
        self.canvas.rect(x - 5, store.y - 5, 10, 10, radius=1, fill=colour, stroke=PAPER, hover=hover)
        self.labels.beside(f"write {shorten(event.key, 14)}", x, store.y, colour, indent=4)

    def _paint_read(self, event: Observed, x: float, lane: Lane | None, hover: str) -> None:
        store = self.lanes.store(event.store, event.region)
        if store is None:
            return
        missed = any(violation.observed is event for violation in self.violations)
        colour = RED if missed or not event.found else GREEN
        if lane:
            self.canvas.line(x, lane.y, x, store.y, stroke=colour, stroke_width=1.5, hover=hover)
        self.canvas.circle(x, store.y, 9, fill=PAPER, stroke=colour, stroke_width=1.8, hover=hover)
        if event.found and not missed:
            self.canvas.tick(x, store.y, 5, colour, hover=hover)
        else:
            self.canvas.cross(x, store.y, 4, colour, hover=hover)
        text = "found" if event.found and not missed else "stale" if event.found else "not found"
        self.labels.beside(text, x, store.y, colour, clear=10.5, indent=3, size=11)

    def _paint_delivery(self, event: Delivered, x: float, lane: Lane | None, hover: str) -> None:
        store = self.lanes.store(event.store, event.region)
        colour = self.colours[event.region][1]
        if lane and store:
            self._paint_arrow(event.at_s, store, event.at_s, lane, colour, hover, inset=2)
            self.canvas.circle(x, store.y, 3.5, fill=colour, hover=hover)
        if lane:
            self.labels.beside("message", x, lane.y, colour, clear=3, indent=4)

    def _paint_replication(self) -> None:
        """Paint an arrow from each write to its arrival in every other region."""
        writes = {(e.store, e.scope, e.version): e for e in self.events if isinstance(e, Wrote)}
        for event in self.events:
            if not isinstance(event, Applied):
                continue
            wrote = writes.get((event.store, event.scope, event.version))
            here = self.lanes.store(event.store, event.region)
            there = self.lanes.store(wrote.store, wrote.region) if wrote else None
            if here is None or here is there:
                continue
            x, colour = self.scale.x(event.at_s), self.colours[event.region][1]
            lag = milliseconds_text(event.at_s - wrote.at_s) if wrote else ""
            hover = event_text(event) + (f" {lag} after it was written" if lag else "")
            if wrote and there:
                self._paint_arrow(wrote.at_s, there, event.at_s, here, colour, hover, inset=5, dash=[5, 3])
            self.canvas.circle(x, here.y, 4.5, fill=colour, stroke=PAPER, hover=hover)
            self.labels.beside(f"arrives +{lag}" if lag else "arrives", x, here.y, colour)

    def _paint_violation(self, violation: Violation) -> None:
        """Paint the arrow that should have arrived in time, and by how much it did not."""
        wrote, read = violation.wrote, violation.observed
        start, end = self.lanes.store(wrote.store, wrote.region), self.lanes.store(read.store, read.region)
        if start is None or end is None:
            return
        x = self.scale.x(read.at_s)
        hover = f"violation: {violation}"
        self._paint_arrow(
            wrote.at_s, start, read.at_s, end, RED, hover, inset=10, dash=[7, 4], stroke_width=2.4, head=10
        )
        late = violation.early_s
        if violation.applied is None or late is None or late <= 0:
            return
        until = self.scale.x(violation.applied.at_s)
        self.canvas.rect(x, end.y - 5, max(until - x, 2), 10, fill=RED, opacity=0.22, hover=hover)
        for edge, angle in ((until - 5, 0.0), (x + 10, math.pi)):
            self.canvas.arrow_head((edge, end.y), angle, RED, size=6)
        self.labels.centred(f"read {milliseconds_text(late)} too early", (x + until) / 2, end.y, RED, size=11)

    # Shapes.

    def _lane(self, event: Event | None) -> Lane | None:
        return self.lanes.component(event.component, event.region) if event else None

    def _paint_arrow(
        self, from_s: float, start: Lane, to_s: float, end: Lane, colour: str, hover: str, *,
        inset: float = 0, head: float = 7, **style: object,
    ) -> None:  # fmt: skip
        """Paint an arrow between two lanes that stops `inset` pixels before the centre of its target."""
        x1, x2 = self.scale.x(from_s), self.scale.x(to_s)
        length = math.hypot(x2 - x1, end.y - start.y)
        share = 1 - inset / length if length > inset else 1.0
        tip = (x1 + (x2 - x1) * share, start.y + (end.y - start.y) * share)
        self.canvas.arrow((x1, start.y), tip, colour, head=head, hover=hover, **{"stroke_width": 1.3, **style})

    def _paint_hatched(self, x: float, y: float, width: float, height: float, hover: str) -> None:
        self.canvas.rect(x, y, width, height, radius=2, fill="#d6e6fb", stroke=BLUE, stroke_width=1.4, hover=hover)
        strokes: list[tuple[object, ...]] = []
        for offset in range(5, int(width + height), 7):
            low, high = max(offset - height, 0.0), min(offset, width)
            strokes += [("M", x + low, y + offset - low), ("L", x + high, y + offset - high)]
        if strokes:
            self.canvas.path(strokes, stroke=BLUE, stroke_width=1, opacity=0.7, hover=hover)
