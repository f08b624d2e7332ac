"""Which deployments of this user run on this machine: small files, held by locks, that clean themselves.

What a deployment can be asked, and how, is not in here: see `deployers.admin`.
"""

from weaverlab.registry.files import STATE_VARIABLE, Record, clean, folder, is_running, register, running
from weaverlab.registry.hold import Hold, held
from weaverlab.registry.sockets import (
    SOCKET_FOLDER_NAME_BYTES,
    is_socket_folder,
    make_socket_folder,
    socket_folder_parents,
)

__all__ = [
    "SOCKET_FOLDER_NAME_BYTES",
    "STATE_VARIABLE",
    "Hold",
    "Record",
    "clean",
    "folder",
    "held",
    "is_running",
    "is_socket_folder",
    "make_socket_folder",
    "register",
    "running",
    "socket_folder_parents",
]
