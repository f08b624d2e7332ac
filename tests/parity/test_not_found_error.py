"""`NotFoundError`: a key that a datastore does not hold; also a KeyError, and it crosses the wire."""

from __future__ import annotations

import pytest

import weaverlab as weaver
from weaverlab import Antipode, Component
from weaverlab.config import parse
from weaverlab.errors import NotFoundError


class Shelf(Component):
    books: Antipode

    def find(self, title: str) -> str:
        return str(self.books.read("books", title).value)


def test_a_missing_key_is_an_error_of_its_own(deployer: str) -> None:
    config = parse('[antipode.books]\ntype = "embedded-kv"')

    with weaver.deploy(Shelf, deployer=deployer, config=config) as app, pytest.raises(NotFoundError) as raised:
        app.get(Shelf).find("Moby-Dick")

    assert isinstance(raised.value, KeyError)
    assert "books/Moby-Dick" in str(raised.value)
