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


def load_config(config: ConfigGiven) -> Config:
    """Return the configuration in the file `config`, an empty one for None, with this process's environment.

    Faults of values are in it (`Config.faults`): whoever makes a plan of it learns of all of them at once.
    """
    return replace(_read(config), environ=dict(os.environ))


def _read(config: ConfigGiven) -> Config:
    if isinstance(config, Config):
        return config
    if config is None:
        return Config()
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
