"""Metrics of HTTP handlers: how they are kept, that hosts are bounded, and that Prometheus can read them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from weaverlab.observe.prometheus import http_text
from weaverlab.observe.web_metrics import BOUNDS, HOSTS_MAX, Histogram, HttpMetrics


def samples_of(metrics: HttpMetrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return what Prometheus' own client reads in the text: (name, labels) -> value.

    It appends "_total" to the name of every counter; the server keeps the name.
    """
    families = text_string_to_metric_families(http_text(metrics.snapshot()))
    return {
        (sample.name.removesuffix("_total"), tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_value_lies_in_the_first_bucket_whose_bound_it_does_not_exceed() -> None:
    histogram = Histogram()

    for value in (0, 1, 1.5, 2, 3, 1e12):
        histogram.add(value)

    counts = histogram.snapshot()
    assert (counts.buckets[:3], counts.buckets[-1]) == ((2, 2, 1), 1)
    assert (sum(counts.buckets), counts.total) == (6, 1e12 + 7.5)


def test_labels_and_hosts_are_counted_apart_and_hosts_in_any_case_together() -> None:
    metrics = HttpMetrics()

    metrics.stats("posts", "a.example").requests += 1
    metrics.stats("posts", "A.Example").requests += 1
    metrics.stats("posts", "b.example").requests += 1
    metrics.stats("users", "a.example").requests += 1

    assert [(*counts.key, counts.requests) for counts in metrics.snapshot()] == [
        ("posts", "a.example", 2),
        ("posts", "b.example", 1),
        ("users", "a.example", 1),
    ]


def test_hosts_that_clients_make_up_are_bounded_in_number_and_length() -> None:
    metrics = HttpMetrics()

    for number in range(3 * HOSTS_MAX):
        metrics.stats("posts", f"{number}.{'x' * 1000}").requests += 1

    counts = {counts.key.host: counts.requests for counts in metrics.snapshot()}
    assert len(counts) == HOSTS_MAX + 1
    assert counts["other"] == 2 * HOSTS_MAX
    assert max(map(len, counts)) == 255


def test_prometheus_reads_all_five_metrics() -> None:
    metrics = HttpMetrics()
    stats = metrics.stats("posts", "a.example")
    stats.requests += 3
    stats.errors[404] += 2
    stats.errors[500] += 1
    stats.latency_micros.add(150.0)
    stats.bytes_received.add(1)
    stats.bytes_returned.add(1e12)

    samples = samples_of(metrics)

    labels = (("host", "a.example"), ("label", "posts"))
    expected = {
        ("weaverlab_http_request_count", labels): 3,
        ("weaverlab_http_error_count", (("code", "404"), *labels)): 2,
        ("weaverlab_http_error_count", (("code", "500"), *labels)): 1,
        ("weaverlab_http_request_latency_micros_sum", labels): 150.0,
        ("weaverlab_http_request_bytes_received_count", labels): 1,
        ("weaverlab_http_request_bytes_returned_sum", labels): 1e12,
    }
    for (name, which), value in expected.items():
        assert samples[name, tuple(sorted(which))] == value
    buckets = [
        samples["weaverlab_http_request_latency_micros_bucket", (*labels, ("le", le))]
        for le in ("100", "200", "5000000000", "+Inf")
    ]
    assert buckets == [0, 1, 1, 1]
    assert len(samples) == 1 + 2 + 3 * (len(BOUNDS) + 1 + 2)


def test_a_label_may_hold_any_character() -> None:
    metrics = HttpMetrics()
    metrics.stats('a "quoted" \\ label\nof two lines', "").requests += 1

    assert (
        "weaverlab_http_request_count",
        (("host", ""), ("label", 'a "quoted" \\ label\nof two lines')),
    ) in samples_of(metrics)
