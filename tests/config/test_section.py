"""A component's section, typed by its WithConfig dataclass."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import dill
import msgspec
import pytest

from tests.config.faults import faults_of_section
from weaverlab.config import Config, parse, section


class Policy(enum.Enum):
    LRU = "lru"
    FIFO = "fifo"


@dataclass
class Peer:
    host: str
    port: int = 80


@dataclass(frozen=True)
class Cache:
    size: int = 10
    ratio: float = 0.5
    mode: Literal["read", "write"] = "read"
    policy: Policy = Policy.LRU
    peers: list[Peer] = field(default_factory=list)
    by_name: dict[str, Peer] = field(default_factory=dict)
    first: Peer | None = None
    names: frozenset[str] = frozenset()
    pair: tuple[int, int] = (0, 0)
    since: date | None = None
    path: Path = Path(".")
    level: Annotated[int, msgspec.Meta(ge=0, le=9)] = 1
    max_age_s: float = field(default=1.0, metadata={"toml": "max-age"})
    computed: int = field(default=7, init=False)


def test_a_section_is_an_instance_of_the_components_dataclass():
    config = parse("""
        [Cache]
        size = 3
        ratio = 1
        mode = "write"
        policy = "fifo"
        peers = [{ host = "a" }, { host = "b", port = 81 }]
        by_name = { c = { host = "c" } }
        first = { host = "d" }
        names = ["x", "y", "x"]
        pair = [1, 2]
        since = 2024-02-29
        path = "/tmp/x"
        level = 9
        max-age = 2.5
    """)

    assert section(config, "Cache", Cache) == Cache(
        size=3,
        ratio=1.0,
        mode="write",
        policy=Policy.FIFO,
        peers=[Peer("a"), Peer("b", 81)],
        by_name={"c": Peer("c")},
        first=Peer("d"),
        names=frozenset(("x", "y")),
        pair=(1, 2),
        since=date(2024, 2, 29),
        path=Path("/tmp/x"),
        level=9,
        max_age_s=2.5,
    )


def test_a_component_without_section_gets_the_defaults():
    assert section(Config(), "Cache", Cache) == Cache()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("sise = 1", "sise: unknown key. Did you mean 'size'? Known: "),
        ("max_age_s = 1", "max_age_s: unknown key. Did you mean 'max-age'? Known: "),
        ("computed = 1", "computed: unknown key."),
        ("size = '3'", "size: expected int, saw str '3'."),
        ("size = 3.5", "size: expected int, saw float 3.5."),
        ("size = true", "size: expected int, saw bool True."),
        ("mode = 'reed'", "mode: expected one of 'read', 'write', saw str 'reed'. Did you mean 'read'?"),
        ("policy = 'liru'", "policy: expected one of 'lru', 'fifo', saw str 'liru'. Did you mean 'lru'?"),
        ("policy = 3", "policy: expected one of 'lru', 'fifo', saw int 3."),
        ("peers = 3", "peers: expected list[tests.config.test_section.Peer], saw int 3."),
        ("peers = [{ host = 3 }]", "peers[0].host: expected str, saw int 3."),
        ("peers = [{ }]", "peers[0].host: missing; expected str."),
        ("by_name = { c = { host = 1 } }", "by_name.c.host: expected str, saw int 1."),
        ("first = 3", "first: expected a table (a section), saw int 3."),
        (
            "pair = [1, 2, 3]",
            "pair: expected tuple[int, int], saw list [1, 2, 3] (Expected `array` of length 2, got 3).",
        ),
        ("level = 10", "level: expected int, saw int 10 (Expected `int` <= 9)."),
        ("path = 3", "path: expected Path, saw int 3 ("),
        ("since = 'x'", "since: expected date, saw str 'x' (Invalid RFC3339 encoded date)."),
    ],
)
def test_a_wrong_value_is_shown_with_its_section_and_key(text, fault):
    (found,) = faults_of_section(f"[Cache]\n{text}", Cache)

    assert found.startswith(f"[Cache] {fault}")


def test_all_faults_of_a_section_are_reported_together():
    faults = faults_of_section("[Cache]\nsize = 'x'\nsise = 1\npeers = [{ port = 'x' }, { host = 1 }]", Cache)

    assert [fault.partition(":")[0] for fault in faults] == [
        "[Cache] size",
        "[Cache] sise",
        "[Cache] peers[0].port",
        "[Cache] peers[0].host",
        "[Cache] peers[1].host",
    ]


def test_a_key_without_default_must_be_written():
    assert faults_of_section("", Peer) == ("[Cache] host: missing; expected str.",)


def test_validate_has_the_last_word():
    @dataclass
    class Range:
        low: int = 0
        high: int = 0

        def validate(self) -> None:
            if self.low > self.high:
                raise ValueError(f"low {self.low} is above high {self.high}")

    assert faults_of_section("[Cache]\nlow = 3\nhigh = 1", Range) == ("[Cache]: low 3 is above high 1.",)
    assert section(parse("[Cache]\nhigh = 1"), "Cache", Range) == Range(0, 1)


def test_a_dataclass_inside_is_validated_too():
    @dataclass
    class Port:
        number: int

        def __post_init__(self) -> None:
            if self.number < 1024:
                raise ValueError("needs root")

    Service = type("Service", (), {"__annotations__": {"ports": list[Port]}})

    assert faults_of_section("[Cache]\nports = [{ number = 80 }]", dataclass(Service)) == (
        "[Cache] ports[0]: needs root.",
    )


def test_annotations_that_mean_nothing_are_a_fault_of_the_dataclass():
    @dataclass
    class Odd:
        size: Undefined  # noqa: F821

    (fault,) = faults_of_section("", Odd)

    assert fault.startswith("[Cache]: the fields of Odd have annotations that cannot be evaluated: NameError(")


def test_a_dataclass_of_a_notebook_can_still_be_pickled_by_dill_afterwards():
    @dataclass
    class Inner:
        size: int = 1

    Outer = dataclass(type("Outer", (), {"__annotations__": {"inner": Inner}, "inner": None}))
    section(parse("[Cache]\ninner = { size = 2 }"), "Cache", Outer)

    assert dill.loads(dill.dumps(Inner(2))).size == 2
    assert not [name for name in (*vars(Inner), *vars(Outer)) if "msgspec" in name]
