"""pandas and Arrow: columns of numbers are buffers, and not part of the pickle; what is not is said here."""

from __future__ import annotations

import numpy
import pandas
import pyarrow
import pytest

from tests.wire.test_large_values import BOTH_WAYS, IN_BAND_MAX, ROWS, in_band_bytes
from weaverlab.wire import encode_value


def frame() -> pandas.DataFrame:
    return pandas.DataFrame(
        {
            "whole": numpy.arange(ROWS),
            "half": numpy.arange(ROWS) / 2,
            "third": numpy.arange(ROWS, dtype="f4") / 3,
            "odd": numpy.arange(ROWS) % 2 == 1,
            "kind": pandas.Categorical(["a", "b"] * (ROWS // 2)),
        }
    )


@BOTH_WAYS
def test_a_frame_arrives_as_it_was_and_can_be_changed(travelled):
    sent = frame()
    sent["at"] = pandas.date_range("2024-01-01", periods=ROWS, freq="s")
    sent["name"] = [f"name {number}" for number in range(ROWS)]
    sent.index = pandas.Index(range(5, ROWS + 5), name="id")

    arrived = travelled({"frame": sent})["frame"]

    pandas.testing.assert_frame_equal(arrived, sent)
    arrived.loc[5, "half"] = -1.0
    arrived["whole"] += 1
    assert (sent.loc[5, "half"], sent.loc[5, "whole"]) == (0.0, 0)


def test_columns_of_numbers_are_not_copied_into_the_pickle():
    payload, buffers, _ = encode_value((frame(),))

    assert len(payload) < IN_BAND_MAX
    assert sum(buffer.nbytes for buffer in buffers) == ROWS * (8 + 8 + 4 + 1 + 1)


def test_dates_and_python_objects_are_copied_into_the_pickle():
    dates = pandas.DataFrame({"at": pandas.date_range("2024-01-01", periods=ROWS, freq="s")})
    objects = pandas.DataFrame({"name": pandas.Series(["x"] * ROWS, dtype=object)})

    assert in_band_bytes(dates) > 8 * ROWS  # numpy gives no buffer of them
    assert in_band_bytes(objects) > ROWS


@BOTH_WAYS
def test_a_table_arrives_as_it_was(travelled):
    sent = pyarrow.table(
        {
            "whole": numpy.arange(ROWS),
            "name": [f"name {number}" for number in range(ROWS)],
            "seldom": [None if number % 3 else number for number in range(ROWS)],
            "list": [[number, number + 1] for number in range(ROWS)],
            "at": pyarrow.array(numpy.arange(ROWS), pyarrow.timestamp("ms")),
        }
    )

    assert travelled((sent,))[0].equals(sent)
    assert travelled([sent.slice(100, 50)])[0].equals(sent.slice(100, 50))
    assert travelled(sent.to_batches()[0]).equals(sent.to_batches()[0])


def test_a_table_of_any_type_is_not_copied_into_the_pickle():
    table = pyarrow.table({"n": numpy.arange(ROWS), "s": ["name"] * ROWS, "t": pyarrow.array([None, 1] * (ROWS // 2))})

    assert in_band_bytes(table) < IN_BAND_MAX


@pytest.mark.parametrize("rows", [10, ROWS])
def test_a_slice_of_a_table_takes_all_of_its_memory_along(rows):
    table = pyarrow.table({"n": numpy.arange(ROWS)})

    buffers = encode_value(table.slice(0, rows))[1]

    assert sum(buffer.nbytes for buffer in buffers) == 8 * ROWS
