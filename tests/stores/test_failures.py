"""What an exception of a store's client means for a caller."""

from __future__ import annotations

import psycopg
import pymysql

from weaverlab.stores.mysql_client import MysqlFamily
from weaverlab.stores.postgres import PostgresDriver

# Values of other programs' unique columns, which a server quotes when it refuses a row.
TAKEN = "Duplicate entry 'My request timed out' for key 'title'"
FULL = "duplicate key value violates unique constraint: Key (title)=(too many of them) already exists."


def test_a_server_that_quotes_a_value_has_answered_in_time() -> None:
    failure = MysqlFamily.failure(None, pymysql.err.IntegrityError(1062, TAKEN))  # type: ignore[arg-type]  # uses none

    assert failure is not None and (failure.what, failure.reason) == ("refused", f"{TAKEN}.")


def test_a_client_that_heard_nothing_in_time_says_so() -> None:
    late = pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query (timed out)")

    failure = MysqlFamily.failure(None, late)  # type: ignore[arg-type]  # uses none

    assert failure is not None and failure.what == "late"


def test_a_postgres_that_quotes_a_value_is_not_full() -> None:
    failure = PostgresDriver.failure(None, psycopg.errors.UniqueViolation(FULL))  # type: ignore[arg-type]  # uses none

    assert failure is not None and failure.what == "refused"
