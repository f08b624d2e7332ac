"""Metrics as the text that Prometheus reads (exposition format 0.0.4). Not in here: who serves it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weaverlab.observe.web_metrics import BOUNDS, HistogramCounts, HttpCounts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = dict[str, str]


def http_text(counts: Iterable[HttpCounts]) -> str:
    """Return the five metrics of instrumented HTTP handlers; the names of Service Weaver's, with our own prefix."""
    rows = [({"host": one.key.host, "label": one.key.label}, one) for one in counts]
    errors = [({**labels, "code": str(code)}, n) for labels, one in rows for code, n in sorted(one.errors.items())]
    lines = (
        *_counter("request_count", "Count of HTTP requests received", ((labels, one.requests) for labels, one in rows)),
        *_counter("error_count", "Count of HTTP replies with a 4XX or 5XX status code", errors),
        *_histogram(
            "request_latency_micros",
            "Duration, in microseconds, of HTTP request execution",
            ((labels, one.latency_micros) for labels, one in rows),
        ),
        *_histogram(
            "request_bytes_received",
            "Number of bytes received by HTTP request handlers",
            ((labels, one.bytes_received) for labels, one in rows),
        ),
        *_histogram(
            "request_bytes_returned",
            "Number of bytes returned by HTTP request handlers",
            ((labels, one.bytes_returned) for labels, one in rows),
        ),
    )
    return "".join(f"{line}\n" for line in lines)


def _counter(name: str, about: str, rows: Iterable[tuple[Labels, int]]) -> Iterator[str]:
    name = f"weaverlab_http_{name}"
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} counter"
    for labels, value in rows:
        yield _sample(name, labels, value)


def _histogram(name: str, about: str, rows: Iterable[tuple[Labels, HistogramCounts]]) -> Iterator[str]:
    name = f"weaverlab_http_{name}"
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} histogram"
    for labels, counts in rows:
        so_far = 0
        for bound, here in zip((*map(str, BOUNDS), "+Inf"), counts.buckets, strict=True):
            so_far += here  # a bucket holds the ones below it too
            yield _sample(f"{name}_bucket", {**labels, "le": bound}, so_far)
        yield _sample(f"{name}_sum", labels, counts.total)
        yield _sample(f"{name}_count", labels, so_far)


def _sample(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{inside}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
