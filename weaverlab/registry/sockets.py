"""Directories for the sockets of one deployment, held by its deployer, so that others see when it is gone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from weaverlab.registry.hold import ATTEMPTS_MAX, Hold, is_at, remove_if_dead, try_lock

_PREFIX = "weaverlab-"
_NAME = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")  # as `tempfile` completes it
SOCKET_FOLDER_NAME_BYTES = len(_PREFIX) + 8


def socket_folder_parents() -> tuple[str, ...]:
    """Return where such a directory may be, best first.

    XDG_RUNTIME_DIR may be another user's after `su`; TMPDIR may be too long for a socket's path; there is always /tmp.
    """
    places = [os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"]
    return tuple(dict.fromkeys(place for place in places if os.path.isabs(place)))


def make_socket_folder(parent: str) -> Hold:
    """Make and hold a new directory in `parent` that only this user can enter. Raises OSError."""
    for _ in range(ATTEMPTS_MAX):
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        with contextlib.suppress(FileNotFoundError):  # a reader took it for a dead one
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            if _is_held(fd) and is_at(path, fd):
                return Hold(path, fd, remove_sockets)
            os.close(fd)
            remove_sockets(path)
    raise OSError(f"{parent}: a new directory was taken away {ATTEMPTS_MAX} times")


def is_socket_folder(path: Path) -> bool:
    """Return whether `path` has the name of such a directory."""
    return _NAME.fullmatch(path.name) is not None


def remove_dead() -> list[str]:
    """Remove every such directory whose deployer is gone; return their paths."""
    return [str(path) for path in _found() if remove_if_dead(path, _remove_unused) and not path.exists()]


def remove_sockets(folder: Path) -> None:
    """Remove `folder` and the sockets in it. What is no socket was not made by us: it stays, and so does the folder."""
    with contextlib.suppress(OSError):  # another reader is at it too, or it has gone already
        for path in list(folder.iterdir()):
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink(missing_ok=True)
        folder.rmdir()


def _is_held(fd: int) -> bool:
    try:
        return try_lock(fd, fcntl.LOCK_EX)
    except OSError:  # a file system without locks: others cannot take one either, and leave it alone
        return True


def _remove_unused(folder: Path) -> None:
    """Remove `folder` unless somebody listens in it: a weavelet that ends as well, in a moment."""
    with contextlib.suppress(OSError):
        if not any(_has_listener(path) for path in folder.iterdir()):
            remove_sockets(folder)


def _has_listener(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True  # its backlog is full
        except OSError:
            return False
        return True


def _found() -> Iterator[Path]:
    for parent in socket_folder_parents():
        with contextlib.suppress(OSError), os.scandir(parent) as entries:
            yield from (Path(e.path) for e in entries if _NAME.fullmatch(e.name) and e.is_dir(follow_symlinks=False))
