"""weaver.toml as frozen, checked values. Files are read, and environment is looked at, by callers only."""

from weaverlab.config.names import faults_of_names
from weaverlab.config.reading import SECTIONS, parse, read, section
from weaverlab.config.secret import secret
from weaverlab.config.store import IDENTIFIER
from weaverlab.config.values import (
    DEFAULT_REGION,
    NO_FAULTS,
    AntipodeConfig,
    Balance,
    BarrierFaults,
    Config,
    Lag,
    MultiSection,
    ServersConfig,
    ServerType,
    SingleSection,
    TableConfig,
    WeaverlabSection,
)

__all__ = [
    "DEFAULT_REGION",
    "IDENTIFIER",
    "NO_FAULTS",
    "SECTIONS",
    "AntipodeConfig",
    "Balance",
    "BarrierFaults",
    "Config",
    "Lag",
    "MultiSection",
    "ServerType",
    "ServersConfig",
    "SingleSection",
    "TableConfig",
    "WeaverlabSection",
    "faults_of_names",
    "parse",
    "read",
    "secret",
    "section",
]
