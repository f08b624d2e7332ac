"""Real datastores for the runs of an experiment: started when a run first asks for them, gone when the sweep ends."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from weaverlab import servers
from weaverlab.config import Config
from weaverlab.config.reading import noting
from weaverlab.config.store import read_store
from weaverlab.errors import ConfigError, ServerError, WeaverError
from weaverlab.servers import programs
from weaverlab.stores import missing_client

VERSION_COMMANDS = {"rabbitmq": ("rabbitmqctl", "version")}  # `rabbitmq-server --version` would start a server
VERSION_TIMEOUT_S = 20.0  # RabbitMQ starts a virtual machine to say it


class Servers:
    """Groups of servers, one primary and one replica each.

    A start that failed is not tried again: it fails every run that needs it. Groups stay up until the block ends, so
    that a sweep may go back and forth between stores.
    """

    def __init__(self) -> None:
        self._groups: dict[str, servers.Group | WeaverError] = {}
        self._ends = ExitStack()

    def bind(self, config: Config, store: str, lags_ms: Mapping[str, tuple[float, float]]) -> Config:
        """Return `config` with stores on the servers that `store` names, such as "redis" or "embedded+rabbitmq".

        Each kind is for the next of `lags_ms`: the name of a store, and the lag of its replica and by how much that
        differs, up and down. "embedded" leaves a store as it is. The primary is in the first region of [regions], its
        replica in the second. One kind has one group.

        Raises:
            ServerError: this machine lacks a program, or the servers do not start.
        """
        for kind, (name, lag_ms) in zip(store.split("+"), lags_ms.items(), strict=False):
            if kind != "embedded":
                config = self._bound(config, name, kind, *lag_ms)
        return config

    def _bound(self, config: Config, name: str, kind: str, lag_ms: float, jitter_ms: float) -> Config:
        table = self._group(kind, lag_ms, jitter_ms).section(list(config.regions))
        faults: list[str] = []
        note = noting(faults, config.source, f"antipode.{name}")
        store = read_store(name, table, tuple(config.regions), note)
        if faults:
            raise ConfigError(faults)
        # The environment as it is now: the password of the group is in it.
        return replace(config, antipode={**config.antipode, name: store}, environ=dict(os.environ))

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says of the groups: versions, and the lag that was measured before the first run."""
        return {"servers": {kind: _facts(kind, group) for kind, group in self._groups.items()}}

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    def _group(self, kind: Any, lag_ms: float, jitter_ms: float) -> servers.Group:
        if kind not in self._groups:
            try:
                group = self._ends.enter_context(servers.up(kind, lag_ms=lag_ms, jitter_ms=jitter_ms))
            except WeaverError as error:
                self._groups[kind] = error
            else:
                self._groups[kind] = group
        found = self._groups[kind]
        if isinstance(found, WeaverError):
            raise found
        return found


def missing(store: str) -> list[str]:
    """Return what this machine lacks for the servers of `store`, such as "redis+rabbitmq", and to speak to them."""
    faults = []
    for kind in filter(programs.NEEDS.get, store.split("+")):
        try:
            programs.check(kind)
        except ServerError as error:
            faults.append(str(error))
        else:
            faults += filter(None, [missing_client(kind)])
    return faults


def _facts(kind: str, group: servers.Group | WeaverError) -> dict[str, str]:
    if isinstance(group, WeaverError):
        return {"version": "not started", "error": str(group)}
    return {"version": version(kind), "lag": str(group.lag)}


@cache
def version(kind: str) -> str:
    """Return the version of the servers of `kind` on this machine."""
    program, word = VERSION_COMMANDS.get(kind, (programs.NEEDS[kind].programs[0], "--version"))
    with TemporaryDirectory() as home:  # Erlang leaves a file in it
        said = subprocess.run(
            [programs.path_of(program), word],
            env={**os.environ, "HOME": home},
            stdout=subprocess.PIPE,
            text=True,
            timeout=VERSION_TIMEOUT_S,
        ).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else "unknown"
