"""weaver.toml as a file, and the environment: both are read here, and understood in `config`."""

from __future__ import annotations

import os
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from weaverlab.config import Config, read
from weaverlab.errors import ConfigError

ConfigGiven: TypeAlias = "str | PathLike[str] | Config | None"
CONFIG_FILE = "weaver.toml"


def load_config(config: ConfigGiven, folder: Path = Path()) -> Config:
    """Return the configuration in the file `config`, an empty one for None, with this process's environment.

    Faults of values are in it (`Config.faults`): whoever makes a plan of it learns of all of them at once. Nobody who
    did not give a weaver.toml gets the one in the application's `folder`, which may be another application's; but what
    is missing without one is told together with it.
    """
    return replace(_read(config, folder), environ=dict(os.environ))


def _read(config: ConfigGiven, folder: Path) -> Config:
    if isinstance(config, Config):
        return config
    if config is None:
        return Config(source=_source_of_none(folder / CONFIG_FILE))
    if not isinstance(config, (str, os.PathLike)):
        raise ConfigError(
            [
                "config: expected the path of a weaver.toml, or what weaverlab.config.parse(text) makes of its text, "
                f"saw {type(config).__name__} (which is not shown: there may be a password in it)."
            ]
        )
    path = Path(config)
    if path.suffix == ".py":
        raise ConfigError([f"{path}: expected a weaver.toml, not a Python file. To run that: weaverlab run {path}"])
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(
            [f"{path}: cannot read the configuration ({why}). Give the path of a weaver.toml."]
        ) from error
    return read(text, path.name)


def _source_of_none(unread: Path) -> str:
    """Return what faults of a configuration that nobody gave begin with."""
    return f"{unread} (there, but not given as --config or config=)" if unread.is_file() else "no weaver.toml given"
