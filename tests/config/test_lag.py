"""Replication lags: every way to write one, and every way to get it wrong."""

from __future__ import annotations

import pytest

from tests.config.faults import fault_of
from weaverlab.config import Lag, parse

STORE = '[antipode.posts]\ntype = "embedded-kv"\nregions = ["eu", "us"]\nlag_ms = '
FORMS = "{ constant = MS }, { uniform = [LOW, HIGH] }, { normal = [MEAN, DEVIATION] }, { exponential = MEAN }"


@pytest.mark.parametrize(
    ("written", "lag"),
    [
        ("100", Lag("constant", 100.0)),
        ("0.5", Lag("constant", 0.5)),
        ("{ constant = 3 }", Lag("constant", 3.0)),
        ("{ uniform = [5, 9] }", Lag("uniform", 5.0, 9.0)),
        ("{ normal = [100, 20] }", Lag("normal", 100.0, 20.0)),
        ("{ exponential = 50 }", Lag("exponential", 50.0)),
    ],
)
def test_one_lag_holds_for_every_link(written, lag):
    posts = parse(STORE + written).antipode["posts"]

    assert posts.links == {("eu", "us"): lag, ("us", "eu"): lag}
    assert posts.lag("eu", "us") == lag


def test_links_may_differ_and_those_not_named_have_none():
    posts = parse(STORE + '{ "eu->us" = 100, "us -> eu" = { normal = [100, 20] } }').antipode["posts"]
    one_way = parse(STORE + '{ "eu->us" = 100 }').antipode["posts"]

    assert posts.links == {("eu", "us"): Lag("constant", 100.0), ("us", "eu"): Lag("normal", 100.0, 20.0)}
    assert one_way.lag("us", "eu") == Lag("constant", 0.0)


def test_there_is_no_lag_within_a_region():
    assert parse(STORE + "100").antipode["posts"].lag("eu", "eu") == Lag("constant", 0.0)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("'fast'", f"lag_ms: expected milliseconds or one of {FORMS}, saw 'fast'."),
        ("true", f"lag_ms: expected milliseconds or one of {FORMS}, saw True."),
        ("inf", f"lag_ms: expected milliseconds or one of {FORMS}, saw inf."),
        ("-1", "lag_ms: expected constant = MS in milliseconds, none negative, saw -1."),
        ("{ uniform = 3 }", "lag_ms: expected uniform = [LOW, HIGH] in milliseconds, none negative, saw 3."),
        ("{ uniform = [9, 5] }", "lag_ms: expected uniform = [LOW, HIGH] with LOW <= HIGH, saw [9, 5]."),
        (
            "{ normal = [100, -1] }",
            "lag_ms: expected normal = [MEAN, DEVIATION] in milliseconds, none negative, saw [100, -1].",
        ),
        (
            "{ exponential = [1, 2] }",
            "lag_ms: expected exponential = MEAN in milliseconds, none negative, saw [1, 2].",
        ),
        (
            "{ normal = [1, 2], constant = 3 }",
            f"lag_ms: expected milliseconds or one of {FORMS}, saw {{'normal': [1, 2], 'constant': 3}}.",
        ),
        (
            "{ normall = [1, 2] }",
            f"lag_ms.'normall': a link is written \"eu->us\", and a lag of every link {FORMS}. Did you mean 'normal'?",
        ),
        (
            '{ "eu->us" = { norml = [1, 2] } }',
            f"lag_ms.'eu->us': unknown distribution 'norml'. Did you mean 'normal'? Expected one of {FORMS}.",
        ),
        (
            '{ "eu->usa" = 3 }',
            "lag_ms.'eu->usa': 'usa' is not a region of this store. Did you mean 'us'? It has: eu, us.",
        ),
        ('{ "eu->eu" = 3 }', "lag_ms.'eu->eu': a link joins two different regions."),
        ('{ "eu=>us" = 3 }', f"lag_ms.'eu=>us': a link is written \"eu->us\", and a lag of every link {FORMS}."),
    ],
)
def test_a_wrong_lag_is_shown_with_the_right_ways_to_write_it(written, fault):
    assert fault_of(STORE + written) == f"[antipode.posts] {fault}"
