"""Addresses: the strings by which weavelets find each other. `unix:/path` today; another scheme is added here."""

from __future__ import annotations

import os
import socket
import sys

# sun_path, with the zero byte at its end: 108 bytes on Linux, 104 on macOS and the BSDs
UNIX_PATH_BYTES_MAX = 107 if sys.platform == "linux" else 103

SCHEME = "unix:"


def unix_path(address: str) -> str:
    """Return the path of a `unix:/path` address. Raises ValueError when it is none, or longer than sockets allow."""
    path = address.removeprefix(SCHEME)
    if path == address or not os.path.isabs(path):
        raise ValueError(f"address {address!r}: expected unix:/absolute/path")
    length = len(os.fsencode(path))
    if length > UNIX_PATH_BYTES_MAX:
        raise ValueError(
            f"address {address!r}: the path has {length} bytes, a UNIX socket's at most {UNIX_PATH_BYTES_MAX}. "
            "Use a shorter directory, for example by setting TMPDIR=/tmp."
        )
    return path


def open_socket() -> socket.socket:
    """Return a new stream socket for these addresses, blocking, not connected, not inherited by children."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
