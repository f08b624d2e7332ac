"""The figures of a table, checked against values worked out by hand."""

from __future__ import annotations

import pytest

from weaverlab.experiment import percentile, proportion_text


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 10.0), (0.25, 20.0), (0.5, 30.0), (0.9, 46.0), (0.95, 48.0), (1.0, 50.0)]
)
def test_a_percentile_lies_on_the_line_between_its_neighbours(share, expected):
    assert percentile([50.0, 10.0, 40.0, 20.0, 30.0], share) == pytest.approx(expected)


def test_a_percentile_of_one_value_is_that_value_and_of_none_there_is_none():
    assert percentile([7.0], 0.95) == 7.0
    assert percentile([], 0.95) is None


def test_a_percentile_is_asked_for_as_a_share():
    with pytest.raises(ValueError, match="share between 0 and 1"):
        percentile([1.0], 95)


def test_a_share_is_shown_with_its_counts_and_its_interval():
    assert proportion_text(0, 400) == "0/400 = 0.0 % (0.0 to 1.0)"
    assert proportion_text(12, 400) == "12/400 = 3.0 % (1.7 to 5.2)"
    assert proportion_text(0, 0) == "0/0"
