"""Sections of real stores: what they become, what is wrong with them, and what is never shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.config.faults import fault_of, faults_of
from weaverlab.config import ServersConfig, TableConfig, faults_of_names, parse

STORE = """
[antipode.posts]
type = "mariadb"
servers = { eu = "127.0.0.1:3306", us = "/run/mariadb/us.sock" }
"""


def servers(text: str = "") -> ServersConfig:
    found = parse(STORE + text).antipode["posts"].servers
    assert found is not None
    return found


def test_a_real_store_has_the_regions_of_its_servers_and_is_written_in_the_first():
    posts = parse(STORE).antipode["posts"]

    assert (posts.type, posts.id, posts.regions, posts.links) == ("mariadb", "posts", ("eu", "us"), {})
    assert posts.servers == ServersConfig(
        {"eu": "127.0.0.1:3306", "us": "/run/mariadb/us.sock"}, primary="eu", databases={"eu": "", "us": ""}
    )
    assert servers('primary = "us"').primary == "us"
    assert servers('regions = ["us", "eu"]').primary == "us"


def test_a_database_is_one_for_all_regions_or_one_for_each():
    redis = STORE.replace("mariadb", "redis")

    assert servers('database = "lab"').databases == {"eu": "lab", "us": "lab"}
    assert servers('database = { eu = "a", us = "b" }').databases == {"eu": "a", "us": "b"}
    for number in ("3", '"3"'):
        found = parse(f"{redis}database = {number}").antipode["posts"].servers
        assert found is not None and found.databases == {"eu": "3", "us": "3"}


def test_a_table_of_others_keeps_its_lineage_in_a_column_or_beside_it():
    found = servers("""
        [antipode.posts.tables.articles]
        key = "id"
        value = "text"
        lineage = "weaver_lineage"
        [antipode.posts.tables.users]
        key = "name"
        value = "bio"
        companion = true
    """)

    assert found.tables == {
        "articles": TableConfig("articles", "id", "text", "weaver_lineage"),
        "users": TableConfig("users", "name", "bio", ""),
    }


def test_tls_is_the_systems_authorities_or_a_file_of_them():
    assert (servers().tls, servers("tls = true").tls, servers('tls = "ca.pem"').tls) == (False, True, "ca.pem")


def test_a_password_stands_in_the_file_or_in_the_environment():
    assert servers('password = "in the file"').password_from({}) == "in the file"
    assert servers('password = { env = "POSTS_PASSWORD" }').password_from({"POSTS_PASSWORD": "outside"}) == "outside"


def test_a_password_is_in_no_repr():
    config = parse(STORE + 'password = "hunter2"')

    assert "hunter2" not in repr(config) + repr(config.antipode["posts"])


def test_a_variable_that_is_not_set_is_a_fault_before_anything_starts():
    config = parse(STORE + 'password = { env = "POSTS_PASSWORD" }')

    assert faults_of_names(config, {}, (), ["posts"], {}) == [
        "weaver.toml: [antipode.posts] password: the environment variable POSTS_PASSWORD is not set."
    ]
    assert faults_of_names(replace(config, environ={"POSTS_PASSWORD": "x"}), {}, (), ["posts"], {}) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("pasword = 'x'", "pasword: unknown key. Did you mean 'password'?"),
        ("password = 31337", 'password: expected str or { env = "VARIABLE" }, saw int (a secret is not shown).'),
        ("password = { emv = 'x' }", 'password: expected str or { env = "VARIABLE" }, saw dict (a secret'),
        ("primary = 'uss'", "primary: 'uss' is not a region of this store. Did you mean 'us'? It has: eu, us."),
        ("regions = ['eu']", "servers.us: 'us' is not a region of this store. It has: eu."),
        ("regions = ['eu', 'us', 'ap']", "servers: region 'ap' has no address."),
        ("lag_ms = 3", "lag_ms: is for embedded stores only ('embedded-kv' or 'embedded-queue'), and the type here"),
        ("tls = 3", "tls: expected true (the system's authorities) or the path of a file of authorities, saw 3."),
        ("database = 3", "database: expected str, saw int 3."),
        (
            "database = { uss = 'a' }",
            "database.uss: 'uss' is not a region of this store. Did you mean 'us'? It has: eu",
        ),
        ("tables.a = { key = 'k' }", "tables.a.value: missing; expected str."),
        ("tables.a = { key = 'k', value = 'v' }", 'tables.a: expected either lineage = "COLUMN"'),
        ("tables.a = { key = 'k', value = 'v', lineage = 'v' }", "tables.a: key, value and lineage are columns of"),
        (
            "tables.a = { key = 'k', value = 'v`; drop', companion = true }",
            "tables.a.value: 'v`; drop' is no identifier: up to 48 letters, digits and _, no digit first.",
        ),
        (
            "tables.'a b' = { key = 'k', value = 'v', companion = true }",
            "tables.a b: 'a b' is no identifier: up to 48 letters, digits and _, no digit first.",
        ),
    ],
)
def test_a_fault_names_the_key_what_was_expected_and_what_was_seen(text, fault):
    assert fault_of(STORE + text).startswith(f"[antipode.posts] {fault}")


def test_keys_of_real_stores_have_no_place_beside_an_embedded_one():
    found = faults_of("[antipode.posts]\ntype = 'embedded-kv'\nuser = 'x'\nservers = { eu = 'h:1' }")

    assert [fault.partition(" for ")[0] for fault in found] == [
        "[antipode.posts] servers: is",
        "[antipode.posts] user: is",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "servers = 'user:hunter2@host'",
            'servers: expected an address for each region, such as { eu = "127.0.0.1:3306", ',
        ),
        ("servers = 'h:1'\nprimary = 'us'\ndatabase = { us = 'a' }", "servers: expected an address for each region"),
        (
            "servers = { eu = 5, us = 'h:1' }\nprimary = 'us'",
            'servers.eu: expected "host:port" or the absolute path of',
        ),
        (
            "servers = { eu = 'user:hunter2@h:1' }",
            'servers.eu: expected "host:port" or the absolute path of a socket, saw',
        ),
    ],
)
def test_servers_of_a_wrong_kind_are_one_fault_and_not_also_missing(text: str, fault: str):
    said = fault_of(f"[antipode.posts]\ntype = 'mariadb'\n{text}")

    assert said.startswith(f"[antipode.posts] {fault}") and "hunter2" not in said


def test_a_misspelt_type_does_not_turn_the_other_keys_into_faults():
    others = "database = 'lab'\ntables.a = { key = 'k', value = 'v', companion = true }"

    assert fault_of(STORE.replace("mariadb", "maria") + others).endswith("Did you mean 'mariadb'?")


@pytest.mark.parametrize("address", ["localhost", "localhost:", "localhost:0", ":1", "host:99999", "run/x.sock"])
def test_an_address_is_a_host_and_port_or_an_absolute_path(address):
    fault = fault_of(f"[antipode.posts]\ntype = 'redis'\nservers = {{ eu = '{address}' }}")

    assert fault.startswith('[antipode.posts] servers.eu: expected "host:port" or the absolute path of a socket, saw')


def test_a_store_without_servers_is_shown_what_they_look_like():
    fault = fault_of("[antipode.posts]\ntype = 'postgres'\nregions = ['eu', 'us']")

    assert fault == (
        "[antipode.posts] servers: missing; expected an address for each region: "
        '{ eu = "127.0.0.1:5432", us = "127.0.0.1:5432" }.'
    )


def test_without_servers_its_regions_are_those_of_the_deployment():
    fault = fault_of("[regions]\neu = ['Writer']\nus = ['Reader']\n[antipode.posts]\ntype = 'redis'")

    assert fault.endswith('{ eu = "127.0.0.1:6379", us = "127.0.0.1:6379" }.')


def test_a_database_of_redis_is_a_number_and_it_has_no_tables():
    redis = STORE.replace("mariadb", "redis")

    assert "a database of Redis is a number" in fault_of(redis + "database = 'lab'")
    assert "is for 'mariadb', 'mysql' or 'postgres' only" in fault_of(
        redis + "tables.a = { key = 'k', value = 'v', companion = true }"
    )
