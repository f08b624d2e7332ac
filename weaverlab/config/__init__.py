"""weaver.toml as frozen, checked values. Files are read, and environment is looked at, by callers only."""

from weaverlab.config.names import faults_of_names
from weaverlab.config.reading import parse, read, section
from weaverlab.config.secret import secret
from weaverlab.config.values import (
    DEFAULT_REGION,
    AntipodeConfig,
    Balance,
    Config,
    Lag,
    MultiSection,
    SingleSection,
    WeaverlabSection,
)

__all__ = [
    "DEFAULT_REGION",
    "AntipodeConfig",
    "Balance",
    "Config",
    "Lag",
    "MultiSection",
    "SingleSection",
    "WeaverlabSection",
    "faults_of_names",
    "parse",
    "read",
    "secret",
    "section",
]
