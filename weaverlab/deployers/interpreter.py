"""How further processes of Python are started: with the same interpreter, options, and modules as this one."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import weaverlab.runtime


def _folder_of(package: str) -> str:
    """Return where an installed package lies, without importing it: that would take each process 10 ms."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    return str(Path(spec.origin).parent.parent)


# Where Python, what we need and this WeaverLab are, so that another process finds the same ones.
PYTHON = str(Path(os.__file__).parent)
PACKAGES = _folder_of("msgspec")
HOME = str(Path(weaverlab.runtime.__file__).parent.parent.parent)


def command(code: str) -> list[str]:
    """Return the command line that runs `code`."""
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # -W, -X, -O, ...
    return [sys.executable, *options, "-c", f"{prelude()}; {code}"]


def prelude() -> str:
    """Return the statement that comes first: it says where modules are found."""
    return f"import sys; sys.path[:] = {import_path()!r}"


@contextlib.contextmanager
def ours_first() -> Iterator[None]:
    """Import in this block what we need, and nothing that lies beside the application under the same name."""
    before = sys.path[:]
    sys.path[:] = import_path()
    try:
        yield
    finally:
        sys.path[:] = before


def import_path() -> list[str]:
    """Return where our processes find modules: those that they need themselves first, then `sys.path`.

    There, the folder of the application comes first: a `json.py` or `queue.py` in it would be taken for Python's own.
    """
    return list(dict.fromkeys([PYTHON, os.path.join(PYTHON, "lib-dynload"), HOME, PACKAGES, *filter(None, sys.path)]))
