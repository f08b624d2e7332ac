"""The suite "serialisation": dump and load of values, and what it costs that a class was written in a notebook.

The base of the record is C pickle; that of a notebook's class is the same class, imported. The notebook is a real
IPython shell in this process, and what it deploys another process.
"""

from __future__ import annotations

import os
import pickle
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dill

from benchmarks.posts import Post
from benchmarks.timing import Run, by_turns, time_calls
from benchmarks.values import RECORD
from weaverlab.wire import Encoded, decode_value, encode_value

Dump = Callable[[Any], Any]
Load = Callable[[Any], Any]

CLASS = Path(__file__).with_name("posts.py").read_text(encoding="utf-8").replace("Post", "Written")
CELLS = (
    CLASS,
    "import weaverlab as weaver",
    "class Board(weaver.Component):\n    def put(self, post: Written) -> int:\n        return len(post.text)",
    "app = weaver.deploy(Board, show=lambda entry: None)\nput = app.get(Board).put",
)
RECORD_CASE, IMPORTED, IN_NOTEBOOK = "record", "imported class", "class of a notebook"


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return µs and bytes, by turns in short blocks ("blocks", "block_s")."""
    with notebook() as cells:
        posts = {IMPORTED: Post(**RECORD), IN_NOTEBOOK: cells["Written"](**RECORD)}
        tracks = both_ways("pickle 5", RECORD_CASE, dump_pickle, pickle.loads, RECORD)
        tracks |= both_ways("WeaverLab", RECORD_CASE, encode_value, load_encoded, RECORD)
        for name, post in posts.items():
            tracks |= both_ways("WeaverLab", name, encode_value, load_encoded, post)
            tracks["WeaverLab", f"call with {name}"] = partial(time_calls, cells["put"], post)
        tracks |= both_ways("dill by value", IN_NOTEBOOK, dill.dumps, dill.loads, posts[IN_NOTEBOOK])
        times_s = by_turns(tracks, spec["blocks"], spec["block_s"])
        sizes = {("WeaverLab", f"bytes of {name}"): len(encode_value(post)[0]) for name, post in posts.items()}
        sizes["dill by value", f"bytes of {IN_NOTEBOOK}"] = len(dill.dumps(posts[IN_NOTEBOOK]))
    rows = [as_row(key, "µs", statistics.median(times) * 1e6) for key, times in times_s.items()]
    return with_bases([*rows, *(as_row(key, "bytes", size) for key, size in sizes.items())])


def both_ways(system: str, name: str, dump: Dump, load: Load, value: object) -> dict[tuple[str, str], Run]:
    return {
        (system, f"dump {name}"): partial(time_calls, dump, value),
        (system, f"load {name}"): partial(time_calls, load, dump(value)),
    }


def dump_pickle(value: object) -> bytes:
    return pickle.dumps(value, 5)


def load_encoded(encoded: Encoded) -> object:
    return decode_value(encoded[0])


def as_row(key: tuple[str, str], unit: str, value: float) -> dict[str, Any]:
    return {"system": key[0], "case": key[1], "unit": unit, "value": value}


def with_bases(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write beside each row what it is compared with: C pickle of the record, an imported class of the notebook's."""
    found = {(row["system"], row["case"]): row["value"] for row in rows}
    for row in rows:
        row["base"] = found.get(("pickle 5", row["case"]))
        if IN_NOTEBOOK in row["case"]:
            row["base"] = found["WeaverLab", row["case"].replace(IN_NOTEBOOK, IMPORTED)]
    return rows


@contextmanager
def notebook() -> Iterator[dict[str, Any]]:
    """Yield what a shell of IPython has defined, which has run the cells, and stop what they deployed."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    with tempfile.TemporaryDirectory(prefix="wl-") as folder:
        os.environ["IPYTHONDIR"] = folder
        shell: Any = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
        try:
            for cell in CELLS:
                shell.run_cell(cell, store_history=True).raise_error()
            yield shell.user_ns
        finally:
            if "app" in shell.user_ns:
                shell.user_ns["app"].stop()
