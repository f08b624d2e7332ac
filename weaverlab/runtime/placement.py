"""What a weavelet is told before it starts: who it is, what it hosts, and where everybody else is.

A bootstrap is one length-prefixed pickle on the weavelet's standard input. The deployer that writes it is the
parent process and the pipe is private, so there is nobody to authenticate.
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass, field
from typing import BinaryIO

from weaverlab.config import Config
from weaverlab.errors import ProtocolError
from weaverlab.routing import RoutingTable
from weaverlab.transport.tls import Credentials

BOOTSTRAP_BYTES_MAX = 1 << 30  # a notebook may ship large constants; beyond this it is certainly a mistake
_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True)
class Placement:
    """Where one weavelet stands in its deployment.

    `routing` is what is known when it starts; later tables come through its control component. `address` is empty in a
    deployment of one process, where nobody calls from outside. With `runs_main` the body of Main begins as soon as the
    weavelet is ready, else when its deployer says so. With `mtls`, `credentials` prove who it is, and `may_call` says
    which components each colocation group has a ref to: calls to others are refused.
    """

    deployment_id: str
    version: str
    replica: str
    hosted: tuple[str, ...]
    address: str
    routing: RoutingTable
    regions: dict[str, str]
    listeners: dict[str, str]
    config: Config
    secret: bytes = field(repr=False)
    runs_main: bool = False
    proxies: dict[str, str] = field(default_factory=dict)  # where clients connect, by listener
    credentials: Credentials | None = field(default=None, repr=False)
    may_call: dict[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Bootstrap:
    """A placement, the code it needs, and the surroundings it is to run in.

    `roots` are the pickled arguments of `build_application`, whose classes exist once `bundle` is installed; `environ`
    is that of the deploying process at the time of the deployment, since a fork server's own may be older.
    """

    weaverlab_version: str
    placement: Placement
    working_directory: str
    arguments: tuple[str, ...]  # `sys.argv`
    environ: dict[str, str] = field(repr=False)
    import_path: tuple[str, ...]
    bundle: bytes = field(repr=False)
    roots: bytes = field(repr=False)


def bootstrap_bytes(bootstrap: Bootstrap) -> bytes:
    """Return what to write to a weavelet's standard input. Leave that open: its end is the weavelet's signal to end."""
    body = pickle.dumps(bootstrap)
    return _LENGTH.pack(len(body)) + body


def read_bootstrap(stream: BinaryIO) -> Bootstrap:
    """Read `bootstrap_bytes`."""
    head = stream.read(_LENGTH.size)
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
    if not 0 < length <= BOOTSTRAP_BYTES_MAX:
        raise ProtocolError(f"bootstrap of {length} bytes on standard input; expected 1 to {BOOTSTRAP_BYTES_MAX}.")
    body = stream.read(length)
    if len(body) != length:
        raise ProtocolError(f"bootstrap ended after {len(body)} of {length} bytes; the deployer has gone.")
    bootstrap = pickle.loads(body)
    if not isinstance(bootstrap, Bootstrap):
        raise ProtocolError(f"bootstrap is a {type(bootstrap).__name__}; expected a Bootstrap.")
    return bootstrap
