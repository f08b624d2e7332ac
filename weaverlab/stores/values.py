"""Values to bytes and back. `where` names the item in the error, such as `posts/42 of store posts`."""

from __future__ import annotations

import pickle
from typing import Any

from weaverlab.errors import StoreError


def dumps(value: Any, where: str) -> bytes:
    """Return `value` as opaque bytes; StoreError when it cannot be pickled."""
    try:
        return pickle.dumps(value, protocol=5)
    except Exception as error:  # pickling runs the value's own code, which may raise anything
        raise StoreError(f"{where}: a value of type {type(value).__name__} cannot be pickled: {error}") from error


def loads(data: bytes, where: str) -> Any:
    """Return the value; StoreError when its class is unknown here, or refuses."""
    try:
        return pickle.loads(data)
    except Exception as error:  # unpickling runs the value's own code, which may raise anything
        raise StoreError(f"{where}: the stored value cannot be unpickled here: {error}") from error
