"""The kinds of real stores: which module opens one, and which client library it needs.

A module of this package that opens a kind has a function

    open_store(config: AntipodeConfig, region: str, password: str, host: Host, pools: Pools) -> Datastore

and is imported when the first store of its kind is opened, as are the clients. Connections open when they are used.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from typing import NamedTuple

from weaverlab.config import AntipodeConfig
from weaverlab.stores.datastore import Datastore
from weaverlab.stores.host import Host
from weaverlab.stores.pool import Pools


class Kind(NamedTuple):
    """How stores of one kind are opened; the extra that installs `client` has the name of the kind."""

    module: str
    client: str


KINDS: dict[str, Kind] = {
    "redis": Kind("weaverlab.stores.redis", "redis"),
    "mariadb": Kind("weaverlab.stores.mariadb", "pymysql"),
    "mysql": Kind("weaverlab.stores.mysql", "pymysql"),
    "postgres": Kind("weaverlab.stores.postgres", "psycopg"),
    "mongodb": Kind("weaverlab.stores.mongodb", "pymongo"),
    "rabbitmq": Kind("weaverlab.stores.rabbitmq", "pika"),
}


def faults_of_kinds(configs: Iterable[AntipodeConfig], source: str) -> list[str]:
    """Return what is missing on this machine to open these stores, with the command that installs it."""
    faults = []
    for config in configs:
        if config.servers is not None and config.type not in KINDS:
            faults.append(f"{source}: [antipode.{config.name}] type: this version opens no {config.type!r} yet.")
        elif missing := missing_client(config.type):
            faults.append(f"{source}: [antipode.{config.name}] type: {missing}")
    return faults


def missing_client(kind: str) -> str | None:
    """Return a sentence when the client library for stores of `kind` is not installed."""
    if kind not in KINDS or importlib.util.find_spec(KINDS[kind].client) is not None:
        return None
    return f'{kind!r} needs the library {KINDS[kind].client}. Install it: pip install "weaverlab[{kind}]"'


def open_store(config: AntipodeConfig, region: str, password: str, host: Host, pools: Pools) -> Datastore:
    """Return a real store as seen from `region`."""
    datastore: Datastore = importlib.import_module(KINDS[config.type].module).open_store(
        config, region, password, host, pools
    )
    return datastore
