"""Method metrics: what is counted, how it adds up, and how good the quantiles are."""

from __future__ import annotations

import pickle
import sys
import threading

import pytest

from weaverlab.observe import MethodKey, MethodMetrics, MethodStats, merge

KEY = MethodKey("App", "Reader", "read", remote=True)


def stats_of(*latencies_s: float) -> MethodStats:
    stats = MethodStats(KEY)
    for latency_s in latencies_s:
        stats.record(latency_s)
    return stats


def test_a_remote_call_is_counted_with_its_bytes_retries_and_outcome() -> None:
    stats = MethodStats(KEY)

    stats.record(0.001, request_bytes=100, reply_bytes=20, lineage_bytes=30)
    stats.record(0.002, ok=False, request_bytes=1, reply_bytes=2, lineage_bytes=3)
    stats.retries += 2

    counts = stats.snapshot()
    assert (counts.calls, counts.errors, counts.retries) == (2, 1, 2)
    assert (counts.request_bytes, counts.reply_bytes, counts.lineage_bytes) == (101, 22, 33)
    assert counts.timed_s == pytest.approx(0.003)


def test_a_local_call_that_is_not_timed_has_a_count_but_no_quantile() -> None:
    stats = MethodStats(KEY)

    stats.calls += 1

    assert stats.snapshot().calls == 1
    assert stats.snapshot().p50_s is None


@pytest.mark.parametrize("scale_s", [5e-6, 3e-4, 0.04, 7.0])
def test_quantiles_are_within_ten_per_cent_of_the_true_ones(scale_s: float) -> None:
    counts = stats_of(*(scale_s * (1 + i / 1000) for i in range(1000))).snapshot()

    assert counts.p50_s == pytest.approx(scale_s * 1.5, rel=0.10)
    assert counts.p95_s == pytest.approx(scale_s * 1.95, rel=0.10)


def test_latencies_beyond_both_ends_of_the_histogram_are_still_counted() -> None:
    counts = stats_of(0.0, 1e-9, 1e6).snapshot()

    assert sum(counts.buckets) == 3
    assert counts.quantile_s(1.0) == pytest.approx(134, rel=0.01)


def test_counts_of_many_processes_merge_in_any_order() -> None:
    one, two = stats_of(0.001, 0.002).snapshot(), stats_of(0.004).snapshot()
    other = MethodStats(KEY._replace(method="fetch")).snapshot()

    merged = merge([two, other, one])

    assert merged == merge([one, two, other])
    assert [counts.key.method for counts in merged] == ["fetch", "read"]
    assert merged[1].calls == 3
    assert merged[1].p50_s == stats_of(0.001, 0.002, 0.004).snapshot().p50_s


def test_counts_travel_between_processes() -> None:
    counts = stats_of(0.001).snapshot()

    assert pickle.loads(pickle.dumps(counts)) == counts


def test_a_process_has_one_stats_object_for_each_key_and_reports_only_what_was_called() -> None:
    metrics = MethodMetrics()
    metrics.stats("App", "Reader", "read", True).calls += 2
    metrics.stats("App", "Reader", "never", True)

    assert metrics.stats("App", "Reader", "read", True).calls == 2
    assert [counts.key.method for counts in metrics.snapshot()] == ["read"]


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="exact only with the GIL")
def test_threads_that_record_at_once_lose_no_count() -> None:
    stats = MethodStats(KEY)
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    threads = [threading.Thread(target=lambda: [stats.record(0.001) for _ in range(10_000)]) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval_s)

    assert (stats.calls, sum(stats.buckets)) == (40_000, 40_000)
