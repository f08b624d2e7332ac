"""Which settings of [antipode.NAME] to correct when a server lets nobody in who has them. No password is shown."""

from __future__ import annotations

import os
import re

from weaverlab.config import AntipodeConfig
from weaverlab.stores.pool import Endpoint

# What the clients' own words have in common when the certificates do not suit; none of them has a class for it.
_OF_TLS = re.compile(r"\b(ssl|tls|certificate)\b", re.IGNORECASE)


def remedy(config: AntipodeConfig) -> str:
    """Return the sentence that says what to correct, after one that says what the server refused."""
    servers = config.servers
    assert servers is not None  # as it is a real one
    if servers.password_variable:
        source = f"is from the environment variable {servers.password_variable}"
    else:
        source = "stands there" if servers.password else "is empty"
    keys = "user, password, database and tls" if servers.tls else "user, password and database"
    return f"Check {keys} in [antipode.{config.name}]; the password {source}."


def missing_authorities(endpoint: Endpoint) -> str:
    """Return what to say of a file of authorities that is not there, which each client would call something else."""
    if not isinstance(endpoint.tls, str) or os.path.isfile(endpoint.tls):
        return ""
    return f"there is no file of authorities {endpoint.tls!r}"


def is_of_tls(reason: str) -> bool:
    """Return whether TLS is what a client could not do: trying again is no use then."""
    return _OF_TLS.search(reason) is not None
