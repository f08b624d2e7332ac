"""Every store behind deployed components: written in one region, waited for and read in another, over real calls."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

import weaverlab
from tests.stores.real import Real
from weaverlab import Antipode, Implements, Interface, Main, Ref
from weaverlab.errors import NotFoundError


class Storage(Interface):
    def store(self, table: str, key: str, text: str) -> None: ...

    def remove(self, table: str, key: str) -> None: ...


class StorageEU(Implements[Storage]):
    posts: Antipode

    def store(self, table: str, key: str, text: str) -> None:
        self.posts.write(table, key, text)

    def remove(self, table: str, key: str) -> None:
        self.posts.delete(table, key)


class Reader(Interface):
    def read(self, table: str, key: str) -> str: ...


class ReaderUS(Implements[Reader]):
    posts: Antipode

    def read(self, table: str, key: str) -> str:
        self.posts.barrier()
        try:
            return str(self.posts.read(table, key).value)
        except NotFoundError:
            return ""


class App(Main):
    storage: Ref[Storage]
    reader: Ref[Reader]

    def main(self) -> None: ...


@pytest.mark.parametrize("deployer", ["single", "multi"])
def test_a_component_reads_what_another_wrote_overwrote_and_deleted_in_another_region(
    real: Real, deployer, no_process_left
):
    config = replace(real.config(), regions={"eu": ("StorageEU",), "us": ("ReaderUS",)}, environ=dict(os.environ))

    with weaverlab.deploy(App, deployer=deployer, config=config) as app:
        storage, reader = app.get(Storage), app.get(Reader)
        for text in ("first", "second", "first"):
            with weaverlab.request():
                storage.store(real.table, "1", text)
                assert reader.read(real.table, "1") == text
        with weaverlab.request():
            storage.remove(real.table, "1")
            assert reader.read(real.table, "1") == ""
