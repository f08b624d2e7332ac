"""An application in a file: `app.py`, as `weaverlab run app.py` and `[weaverlab] app` name it."""

from __future__ import annotations

import importlib
import sys
from os import PathLike
from pathlib import Path

from weaverlab.component import Main
from weaverlab.errors import DeclarationError


def load_main(path: str | PathLike[str]) -> type:
    """Import the Python file at `path` as a module of its own name and return the one Main class defined in it.

    The file's folder comes first on `sys.path` from then on, so files beside it can be imported, here and in the
    weavelets.

    Raises:
        DeclarationError: there is no such file, or not exactly one Main in it.
    """
    file = Path(path).resolve()
    if file.suffix != ".py" or not file.is_file():
        raise DeclarationError([f"{path}: expected the path of a Python file that exists."])
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    module = importlib.import_module(file.stem)
    if module.__file__ is None or Path(module.__file__).resolve() != file:
        raise DeclarationError(
            [f"{path}: its name hides the module {module.__file__ or file.stem!r}. Rename the file."]
        )
    mains = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Main) and value is not Main and value.__module__ == file.stem
    ]
    if len(mains) != 1:
        names = ", ".join(main.__name__ for main in mains) or "none"
        raise DeclarationError([f"{path}: expected one class derived from weaverlab.Main, found {names}."])
    return mains[0]
