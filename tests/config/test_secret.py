"""Secrets: from the environment first, checked like every other setting, and never shown."""
# ruff: noqa: RUF009 - `secret` is a dataclass field

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from weaverlab.config import Config, parse, secret, section
from weaverlab.errors import ConfigError


@dataclass
class Database:
    password: str = secret("DB_PASSWORD")
    host: str = "localhost"
    port: int = secret("DB_PORT", default=5432)
    key_file: Path | None = secret("DB_KEY_FILE", default=None)


def settings(text: str = "", cls: type = Database, **environ: str) -> object:
    return section(replace(parse(text), environ=environ), "Database", cls)


def faults(text: str = "", cls: type = Database, **environ: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        settings(text, cls, **environ)
    return tuple(fault.removeprefix("weaver.toml: [Database] ") for fault in caught.value.faults)


def test_a_secret_comes_from_the_environment() -> None:
    made = settings(DB_PASSWORD="hunter2", DB_PORT="81", DB_KEY_FILE="/etc/key")

    assert made == Database(password="hunter2", port=81, key_file=Path("/etc/key"))


def test_the_environment_wins_over_the_file_and_the_file_over_the_default() -> None:
    text = '[Database]\npassword = "from the file"\nport = 1'

    assert settings(text, DB_PASSWORD="from outside") == Database(password="from outside", port=1)
    assert settings(text, DB_PASSWORD="") == Database(password="from the file", port=1)  # empty is not set
    assert settings(DB_PASSWORD="x") == Database(password="x", port=5432)


def test_a_missing_secret_names_its_variable_and_all_faults_come_together() -> None:
    assert faults("[Database]\nhost = 3\nhots = 4") == (
        "host: expected str, saw int 3.",
        "hots: unknown key. Did you mean 'host'? Known: host, key_file, password, port.",
        "password: missing; expected str. Set the environment variable DB_PASSWORD.",
    )


def test_a_wrong_secret_is_a_fault_that_does_not_show_it() -> None:
    assert faults("[Database]\npassword = 31337", DB_PORT="hunter2") == (
        "password: expected str, but saw int something else (a secret is not shown).",
        "port: expected int, but the environment variable DB_PORT holds something else (a secret is not shown).",
    )


class Token:
    def __init__(self, text: str) -> None:
        raise LookupError(f"{text} is no token")


@dataclass
class WithToken:
    token: Token = secret("TOKEN")


def test_a_class_that_refuses_a_secret_does_not_show_it_either() -> None:
    assert faults(cls=WithToken, TOKEN="hunter2") == (
        "token: expected Token, but the environment variable TOKEN holds something else (a secret is not shown).",
    )


def test_a_secret_is_in_no_repr() -> None:
    text = '[Database]\npassword = "hunter2"'
    config = replace(parse(text), environ={"DB_PORT": "31337"})

    assert "hunter2" not in repr(config) and "31337" not in repr(config)
    assert repr(section(config, "Database", Database)) == "Database(host='localhost')"


def test_a_secret_stands_in_the_section_itself_and_is_a_single_value() -> None:
    @dataclass
    class Outer:
        database: Database = field(default_factory=lambda: Database(password=""))
        more: dict[str, Database] = field(default_factory=dict)

    @dataclass
    class Several:
        tokens: list[str] = secret("TOKENS")

    assert faults(cls=Outer)[0].endswith(
        "Database.password is a secret in a table inside the section. Put it into Outer itself."
    )
    assert faults(cls=Several, TOKENS="a b") == (
        "tokens: a secret is a str, or a class made from one, and no list[str].",
    )


def test_a_validation_that_fails_otherwise_than_by_refusing_is_a_fault_too() -> None:
    @dataclass
    class Odd:
        size: int = 0

        def validate(self) -> None:
            1 / self.size

    assert faults(cls=Odd) == (
        "weaver.toml: [Database]: Odd could not be made or validated: ZeroDivisionError('division by zero'). "
        "A value is refused by ValueError.",
    )


def test_two_fields_with_one_key_are_a_fault() -> None:
    @dataclass
    class Twice:
        size: int = 0
        size_max: int = field(default=0, metadata={"toml": "size"})

    assert faults(cls=Twice) == ("size: is the key of both size and size_max of Twice.",)


def test_without_environment_there_are_the_defaults() -> None:
    @dataclass
    class Optional:
        token: str = secret("TOKEN", default="none")

    assert section(Config(), "Database", Optional) == Optional()
