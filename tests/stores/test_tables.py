"""SQL tables: those that we make, those that other programs use too, and those that are not there."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from tests.stores.conftest import SQL_SERVERS
from tests.stores.real import Real, admin
from weaverlab.antipode import Dependency, Lineage, context, request, transfer
from weaverlab.errors import CallLost, NotFoundError, StoreError

pytestmark = pytest.mark.parametrize("group", SQL_SERVERS, indirect=True)

ORDER = Dependency("orders", "eu", 7)


@pytest.fixture
def articles(real: Real) -> Real:
    """A store with a table of another program: numbers for keys, a title that we do not know, a unique name."""
    blob = "bytea" if real.kind == "postgres" else "MEDIUMBLOB"
    sql(
        real,
        f"CREATE TABLE {real.table} (id INT PRIMARY KEY, title VARCHAR(20) NOT NULL DEFAULT 'untitled', "
        f"slug VARCHAR(20) UNIQUE, text VARCHAR(20), weaver_lineage {blob})",
        f"INSERT INTO {real.table} (id, title, slug, text) VALUES (1, 'One', 'one', 'first')",
        f"INSERT INTO {real.table} (id, title, slug, text) VALUES (0, 'Zero', 'zero', 'none')",
    )
    return real


def sql(real: Real, *statements: str) -> list[Any]:
    return admin(real.group, real.group.primary, *statements)


def in_column(real: Real, **columns: Any) -> Any:
    columns = {"key": "id", "value": "text", "lineage": "weaver_lineage", **columns}
    return real.config(tables={real.table: columns})


def beside(real: Real) -> Any:
    return real.config(tables={real.table: {"key": "id", "value": "text", "companion": True}})


@pytest.mark.parametrize("where", [in_column, beside])
def test_a_row_of_another_program_is_read_as_it_stands_and_has_no_lineage(articles: Real, where):
    value, lineage = articles.posts("eu", where(articles)).read(articles.table, "1")

    assert value == "first"
    assert [one.store for one in lineage] == ["posts"]


@pytest.mark.parametrize("where", [in_column, beside])
def test_a_row_is_written_with_its_lineage_and_other_programs_go_on_reading_it(articles: Real, where):
    config = where(articles)
    transfer(Lineage([ORDER]))

    articles.posts("eu", config).write(articles.table, "1", "changed")
    articles.posts("eu", config).write(articles.table, "2", "new")
    articles.posts("us", config).barrier()

    [rows] = sql(articles, f"SELECT id, title, text FROM {articles.table} WHERE id > 0 ORDER BY id")
    assert [tuple(row) for row in rows] == [(1, "One", "changed"), (2, "untitled", "new")]
    with request():
        value, lineage = articles.posts("us", config).read(articles.table, "2")
        assert value == "new" and ORDER in lineage


@pytest.mark.parametrize("where", [in_column, beside])
def test_a_row_that_is_deleted_and_written_again_keeps_nothing_of_the_old_lineage(articles: Real, where):
    posts = articles.posts("eu", where(articles))
    with request():
        transfer(Lineage([ORDER]))
        posts.write(articles.table, "1", "old")
        posts.delete(articles.table, "1")
    with request(), pytest.raises(NotFoundError):
        posts.read(articles.table, "1")

    with request():
        posts.write(articles.table, "1", "new")
    with request():
        assert ORDER not in posts.read(articles.table, "1").lineage


@pytest.mark.parametrize("where", [in_column, beside])
def test_what_another_program_wrote_since_is_what_is_read(articles: Real, where):
    posts = articles.posts("eu", where(articles))
    posts.write(articles.table, "1", "ours")

    sql(articles, f"UPDATE {articles.table} SET text = 'theirs' WHERE id = 1")

    assert posts.read(articles.table, "1").value == "theirs"


def test_columns_hold_plain_values_and_nothing_else(articles: Real):
    posts = articles.posts("eu", in_column(articles))
    for n, value in enumerate(["text", "ü", "", None], 10):
        posts.write(articles.table, str(n), value)
        assert posts.read(articles.table, str(n)).value == value

    with pytest.raises(StoreError, match=r"column 'text' takes str, bytes, int, float or None, and no dict"):
        posts.write(articles.table, "1", {"a": 1})
    assert posts.read(articles.table, "1").value == "first"


def test_a_row_whose_other_unique_key_is_taken_is_refused_and_no_other_row_is_changed(articles: Real):
    posts = articles.posts("eu", in_column(articles, value="slug"))

    with pytest.raises(StoreError, match="Nothing was changed"):
        posts.write(articles.table, "2", "one")

    [rows] = sql(articles, f"SELECT id FROM {articles.table} ORDER BY id")
    assert [row[0] for row in rows] == [0, 1]


def test_a_key_that_is_no_number_is_not_taken_for_one(articles: Real):
    posts = articles.posts("eu", in_column(articles))

    with pytest.raises((NotFoundError, StoreError)):
        posts.read(articles.table, "x")
    with pytest.raises(StoreError, match="Nothing was changed"):
        posts.write(articles.table, "x", "oops")
    with contextlib.suppress(StoreError):
        posts.delete(articles.table, "x")
    assert posts.read(articles.table, "0").value == "none"


@pytest.mark.parametrize("where", [in_column, beside])
def test_a_value_that_is_too_large_is_refused_and_neither_cut_nor_half_written(articles: Real, where):
    posts = articles.posts("eu", where(articles))
    posts.write(articles.table, "1", "fits")
    before = context.current()

    with pytest.raises(StoreError, match=r"store 'posts' in region 'eu' .*: write: .* Nothing was changed"):
        posts.write(articles.table, "1", "x" * 21)

    assert posts.read(articles.table, "1", join=False).value == "fits"
    assert context.current() == before


def test_a_table_of_ours_is_made_when_it_is_first_written_to_and_empty_before(real: Real):
    with pytest.raises(NotFoundError):
        real.posts("eu").read(real.table, "1")
    real.posts("eu").delete(real.table, "1")

    real.posts("eu").write(real.table, "1", "hello")

    [rows] = sql(real, f"SELECT * FROM {real.table}")
    assert len(rows) == 1 and rows[0][0] == "1"


def test_a_missing_table_that_may_not_be_made_is_an_error_with_the_statement_that_makes_it(real: Real):
    posts = real.posts("eu", real.config(create_tables=False))

    with pytest.raises(StoreError, match=f"has no table '{real.table}'; nothing was changed") as raised:
        posts.write(real.table, "1", "hello")

    sql(real, str(raised.value).partition("Make it: ")[2].rstrip("."))
    posts.write(real.table, "1", "hello")
    assert posts.read(real.table, "1").value == "hello"


def test_a_table_of_others_that_is_missing_is_an_error_and_is_not_made(real: Real):
    posts = real.posts("eu", in_column(real))

    for use in (lambda: posts.read(real.table, "1"), lambda: posts.write(real.table, "1", "x")):
        with pytest.raises(StoreError, match=f"has no table '{real.table}'"):
            use()


def test_a_table_of_others_that_is_not_named_in_the_configuration_is_not_written_to(articles: Real):
    with pytest.raises(StoreError, match="Nothing was changed"):
        articles.posts("eu").write(articles.table, "1", "hello")

    [rows] = sql(articles, f"SELECT text FROM {articles.table} WHERE id = 1")
    assert rows[0][0] == "first"


@pytest.mark.parametrize("name", ["a b", "a`; DROP TABLE posts", 'a"; --', "a.b", "", "1a", "x" * 49, "ü"])
def test_a_name_that_is_no_identifier_is_refused(real: Real, name):
    with pytest.raises(StoreError, match="is no name of a table"):
        real.posts("eu").write(name, "1", "hello")


def test_a_user_who_may_not_ask_for_the_position_is_told_that_the_write_was_made(real: Real, monkeypatch):
    posts = real.posts("eu")
    posts.write(real.table, "1", "before")
    driver = posts._datastore._driver

    def refuse(connection: Any) -> Any:
        driver.run(connection, "SELECT no_such_column")

    monkeypatch.setattr(driver, "written", refuse)
    with pytest.raises(CallLost, match=r"the change was made, but its position in the log, .*no_such_column"):
        posts.write(real.table, "1", "after")
    monkeypatch.undo()

    assert posts.read(real.table, "1").value == "after"
