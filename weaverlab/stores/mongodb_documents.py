"""Items as documents of MongoDB, and cluster times as versions. Pure: nothing here talks to a server.

    write("posts", "42", {"title": "Hello"})   {_id: "42", title: "Hello", _weaverlab: {form: "fields", lineage: ...}}
    write("posts", "42", "hello")              {_id: "42", value: "hello", _weaverlab: {form: "value", lineage: ...}}
    write("posts", "42", Post("hello"))        {_id: "42", value: pickle,  _weaverlab: {form: "pickle", lineage: ...}}

What MongoDB can hold as it is, other programs can read, beside one field of ours. A document of another program is
read as the dict of its fields. Not in here: commands (`mongodb`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import Timestamp

from weaverlab.errors import StoreError
from weaverlab.stores.values import dumps, loads

ID, OURS, VALUE = "_id", "_weaverlab", "value"
FIELDS, PICKLE = "fields", "pickle"  # the forms of a value; the third one is "value"
DEPTH_MAX = 50  # of a value that is stored as it is; MongoDB takes 100 levels of documents
INT_MAX = 2**63 - 1


def document_of(key: str, value: bytes, lineage: bytes) -> dict[str, Any]:
    """Return the document of an item; `value` is pickled."""
    unpickled = loads(value, f"the value of {key}")
    if type(unpickled) is dict and is_plain(unpickled) and not {ID, OURS} & unpickled.keys():
        return {ID: key, **unpickled, OURS: _ours(FIELDS, lineage)}
    if is_plain(unpickled):
        return {ID: key, VALUE: unpickled, OURS: _ours(VALUE, lineage)}
    return {ID: key, VALUE: value, OURS: _ours(PICKLE, lineage)}


def item_of(document: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return the pickled value and the lineage of a document, whoever wrote it.

    Raises:
        StoreError: it has a field `_weaverlab` that we did not make.
    """
    where = f"document {document[ID]!r}"
    if OURS not in document:
        return dumps(_fields(document), where), b""
    try:
        form, lineage = document[OURS]["form"], document[OURS]["lineage"]
        if form == FIELDS:
            return dumps(_fields(document), where), bytes(lineage)
        if form == VALUE:
            return dumps(document[VALUE], where), bytes(lineage)
        if form == PICKLE:
            return bytes(document[VALUE]), bytes(lineage)
    except (KeyError, TypeError) as error:
        raise StoreError(f"{where}: its field {OURS!r} is not what WeaverLab writes: {error!r}") from error
    raise StoreError(f"{where}: a value in form {form!r}; this version of WeaverLab reads fields, value and pickle.")


def is_plain(value: object, depth: int = 0) -> bool:
    """Return whether MongoDB gives `value` back equal, of the same types and in the same order."""
    if depth > DEPTH_MAX:
        return False
    if type(value) is dict:
        return all(
            type(key) is str and _is_text(key) and not key.startswith("$") and is_plain(one, depth + 1)
            for key, one in value.items()
        )
    if type(value) is list:
        return all(is_plain(one, depth + 1) for one in value)
    if type(value) is int:
        return -INT_MAX - 1 <= value <= INT_MAX
    if type(value) is str:
        return _is_encodable(value)
    return value is None or type(value) in (bool, float, bytes)


def version_of(stamp: Timestamp) -> int:
    """Return a cluster time as a version: seconds in the upper 32 bits, a counter within the second in the lower."""
    return stamp.time << 32 | stamp.inc


def time_of(version: int) -> Timestamp:
    return Timestamp(version >> 32, version & 0xFFFFFFFF)


def _ours(form: str, lineage: bytes) -> dict[str, Any]:
    return {"form": form, "lineage": lineage}


def _fields(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in (ID, OURS)}


def _is_text(name: str) -> bool:
    return "\0" not in name and _is_encodable(name)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
