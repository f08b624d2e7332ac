"""weaver.toml text into a `Config`, with every fault in it at once. Reading files is the caller's business.

Each fault names the file, the section, the key, what was expected and what was seen; a fault of TOML syntax, of which
there can only be one, names line and column. Whether components of those names exist is checked in `names`.
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from weaverlab.config.store import PORT_MAX, read_store
from weaverlab.config.typed import WRONG, Note, read_fields, to_dataclass
from weaverlab.config.values import AntipodeConfig, Config, MultiSection, SingleSection, WeaverlabSection
from weaverlab.errors import ConfigError

SECTIONS = ("antipode", "listeners", "multi", "regions", "single", "weaverlab")  # all others belong to components


def parse(text: str, source: str = "weaver.toml") -> Config:
    """Return the configuration that `text` describes; an empty text means all defaults.

    Raises:
        ConfigError: with every fault.
    """
    config = read(text, source)
    if config.faults:
        raise ConfigError(config.faults)
    return config


def read(text: str, source: str = "weaver.toml") -> Config:
    """Return what `parse` would, with the faults in it instead of raised: its names can be checked all the same.

    Raises:
        ConfigError: for a fault of syntax, which leaves nothing to check.
    """
    return _Reader(_parse_toml(text, source), source).read()


def section(config: Config, component: str, cls: type) -> Any:
    """Return the section of `component` as an instance of dataclass `cls`; defaults where it says nothing.

    Raises:
        ConfigError: with every fault, among them what `cls.validate()` has to say.
    """
    faults: list[str] = []
    note = noting(faults, config.source, component)
    made = to_dataclass(cls, config.components.get(component, {}), note, environ=config.environ)
    if faults:
        raise ConfigError(faults)
    return made


@dataclass(frozen=True)
class _FreeNames:
    """The sections whose keys are the author's own names."""

    listeners: dict[str, str] = field(default_factory=dict)
    regions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    antipode: dict[str, Any] = field(default_factory=dict)


class _Reader:
    """Reads one table; a key with a fault counts as absent, so that the others are checked all the same."""

    def __init__(self, table: dict[str, Any], source: str) -> None:
        self.table = table
        self.source = source
        self.faults: list[str] = []

    def read(self) -> Config:
        weaverlab = WeaverlabSection(**self._section("weaverlab", WeaverlabSection))
        multi = MultiSection(**self._section("multi", MultiSection))
        single = SingleSection(**self._section("single", SingleSection))
        listeners = self._free_names("listeners").listeners
        regions = self._free_names("regions").regions
        placed = tuple(self.table["regions"]) if isinstance(self.table.get("regions"), dict) else ()
        self._check_numbers(weaverlab, multi)
        self._check_addresses("listeners", "", listeners)
        self._check_addresses("multi", "listeners.", multi.listeners)
        self._check_addresses("single", "listeners.", single.listeners)
        self._check_once("multi", "colocate", {f"group {i}": group for i, group in enumerate(multi.colocate, 1)})
        self._check_once("regions", "", regions)
        return Config(
            weaverlab=weaverlab,
            multi=replace(multi, listeners={**listeners, **multi.listeners}),
            single=replace(single, listeners={**listeners, **single.listeners}),
            regions=regions,
            antipode=dict(self._antipode(placed)),
            components=dict(self._components()),
            source=self.source,
            faults=tuple(self.faults),
        )

    def _section(self, name: str, cls: type) -> dict[str, Any]:
        return self._fields(cls, self.table.get(name, {}), noting(self.faults, self.source, name))

    def _fields(self, cls: type, table: object, note: Note) -> dict[str, Any]:
        values = read_fields(cls, table, note)
        return {} if values is WRONG else {key: value for key, value in values.items() if value is not WRONG}

    def _free_names(self, name: str) -> _FreeNames:
        def note(path: str, what: str) -> None:
            noting(self.faults, self.source, name)(path.partition(".")[2], what)

        return _FreeNames(**self._fields(_FreeNames, {name: self.table.get(name, {})}, note))

    def _components(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, value in self.table.items():
            if isinstance(value, dict):
                if name not in SECTIONS:
                    yield name, value
            elif name not in SECTIONS:
                self.faults.append(
                    f"{self.source}: {name}: expected a section, saw {value!r}. "
                    "Keys stand below a section's header, such as [weaverlab]."
                )

    def _antipode(self, placed: tuple[str, ...]) -> Iterator[tuple[str, AntipodeConfig]]:
        for name, table in self._free_names("antipode").antipode.items():
            note = noting(self.faults, self.source, f"antipode.{name}")
            yield name, read_store(name, table, placed, note)

    def _check_numbers(self, weaverlab: WeaverlabSection, multi: MultiSection) -> None:
        if not 0 < weaverlab.call_timeout_s < math.inf:
            self._note("weaverlab", "call_timeout_s", f"expected seconds above 0, saw {weaverlab.call_timeout_s}")
        if multi.restarts_max < 0:
            self._note("multi", "restarts_max", f"expected 0 or more, saw {multi.restarts_max}")
        for component, count in multi.replicas.items():
            if count < 1:
                self._note("multi", f"replicas.{component}", f"expected 1 or more, saw {count}")

    def _check_addresses(self, section: str, prefix: str, listeners: Mapping[str, str]) -> None:
        for name, address in listeners.items():
            host, _, port = address.rpartition(":")
            if not host or not port.isdecimal() or int(port) > PORT_MAX:
                self._note(
                    section, f"{prefix}{name}", f'expected "host:port", such as "127.0.0.1:8080", saw {address!r}'
                )

    def _check_once(self, section: str, key: str, groups: Mapping[str, Sequence[str]]) -> None:
        counts = Counter(member for members in groups.values() for member in members)
        for member, count in counts.items():
            if count > 1:
                where = " and ".join(name for name, members in groups.items() if member in members)
                self._note(section, key, f"{member} is listed {count} times, in {where}; it has one place only")

    def _note(self, section: str, key: str, what: str) -> None:
        noting(self.faults, self.source, section)(key, what)


def noting(faults: list[str], source: str, name: str) -> Note:
    """Return a function that notes a fault of a key of section `name`."""

    def note(key: str, what: str) -> None:
        end = "" if what.endswith((".", "?")) else "."
        faults.append(f"{source}: [{name}]{' ' + key if key else ''}: {what}{end}")

    return note


def _parse_toml(text: str, source: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, line, column = _position(str(error), text)
        raise ConfigError([f"{source}: line {line}, column {column}: {message}. This is not TOML."]) from None


def _position(message: str, text: str) -> tuple[str, int, int]:
    """Split what tomllib says, such as `Invalid value (at line 3, column 5)`, into message, line and column."""
    if found := re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL):
        return found[1], int(found[2]), int(found[3])
    lines = text.split("\n")
    return message.removesuffix(" (at end of document)"), len(lines), len(lines[-1]) + 1
