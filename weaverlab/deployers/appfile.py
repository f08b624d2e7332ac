"""An application in a file: `app.py`, as `weaverlab run app.py` and `[weaverlab] app` name it."""

from __future__ import annotations

import importlib
import inspect
import sys
from os import PathLike
from pathlib import Path
from types import ModuleType

from weaverlab.component import Main
from weaverlab.component.declare import is_component
from weaverlab.config import Config

# What `deploy` imports while its fork server starts is imported here, before an application's folder is on sys.path: a
# queue.py in that would be taken for Python's own.
from weaverlab.deployers import deployment, fronts, output, version  # noqa: F401
from weaverlab.errors import ConfigError, DeclarationError, nearest


def load_main(path: str | PathLike[str]) -> type:
    """Import the Python file at `path` as a module of its own name and return the one Main class defined in it.

    The file's folder comes first on `sys.path` from then on, so files beside it can be imported, here and in the
    weavelets.

    Raises:
        DeclarationError: there is no such file, or not exactly one Main in it.
    """
    mains = [cls for cls in _classes_of(_load(path)) if issubclass(cls, Main)]
    if len(mains) != 1:
        names = ", ".join(main.__name__ for main in mains) or "none"
        remedy = "Leave one of them in this file." if mains else "Write one: class App(Main), with def main(self)."
        raise DeclarationError([f"{path}: expected one class derived from weaverlab.Main, found {names}. {remedy}"])
    return mains[0]


def load_components(path: str | PathLike[str]) -> list[type]:
    """Import the Python file at `path`, as `load_main` does, and return its Main, or else all components it defines.

    Raises:
        DeclarationError: there is no such file, or no component in it.
    """
    found = [cls for cls in _classes_of(_load(path)) if is_component(cls) and not inspect.isabstract(cls)]
    if mains := [cls for cls in found if issubclass(cls, Main)]:
        return mains
    if not found:
        raise DeclarationError([f"{path}: defines no component: no class derived from weaverlab's Main or Component."])
    return found


def app_beside(path: Path, config: Config) -> Path:
    """Return the application that `[weaverlab] app` names in the weaver.toml at `path`, beside which it is."""
    if not config.weaverlab.app and config.faults:
        raise ConfigError(config.faults)
    if not config.weaverlab.app:
        raise ConfigError([f'{path}: which application? Add a line to [weaverlab]: app = "app.py".'])
    app = path.parent / config.weaverlab.app
    if not app.is_file():
        raise ConfigError([f"{path}: [weaverlab] app: there is no file {str(app)!r}.{_hint(app)}"])
    return app


def _load(path: str | PathLike[str]) -> ModuleType:
    file = Path(path).resolve()
    if file.suffix != ".py" or not file.is_file():
        raise DeclarationError([f"{path}: expected the path of a Python file that exists.{_hint(file)}"])
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    is_known = file.stem in sys.modules
    if b"\0" in file.read_bytes():  # which Python refuses without saying where
        raise DeclarationError([f"{path}: is no Python file: it has null bytes in it. Save it as text in UTF-8."])
    module = importlib.import_module(file.stem)
    if module.__file__ is None or Path(module.__file__).resolve() != file:
        raise DeclarationError(
            [f"{path}: its name hides the module {module.__file__ or file.stem!r}. Rename the file."]
        )
    return importlib.reload(module) if is_known else module  # a notebook may run it again after it was edited


def _hint(file: Path) -> str:
    """Return what may have been meant by a path that is no Python file's."""
    if file.suffix == ".toml" and file.is_file():
        return f" To deploy what a weaver.toml names: weaverlab multi deploy {file.name}"
    what = " That is a folder." if file.is_dir() else ""
    return what + nearest(file.name, (other.name for other in file.parent.glob("*.py") if other.is_file()))


def _classes_of(module: ModuleType) -> list[type]:
    """Return the classes that a module defines itself, each once."""
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    return list(dict.fromkeys(cls for cls in classes if cls.__module__ == module.__name__))
