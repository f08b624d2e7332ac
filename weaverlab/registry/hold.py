"""A file or directory that says by a lock whether the process that made it still lives.

    owner    makes it, takes the exclusive lock, keeps it until it removes it or ends: the kernel then drops the lock,
             also after SIGKILL or a power failure, so nobody has to send signs of life
    reader   takes the shared lock: if it gets it, the owner is gone, and the reader removes what is left while it
             holds that lock; any number of readers may do so at once

A reader may come between the making and the locking. So an owner that has the lock looks whether its file is still
there, and otherwise begins anew. What is in the files is not in here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from collections.abc import Callable
from pathlib import Path

ATTEMPTS_MAX = 20  # each fails only when a reader comes within the same few microseconds


class Hold:
    """The owner's lock on `path`; `release` also removes it."""

    def __init__(self, path: Path, fd: int, remove: Callable[[Path], object]) -> None:
        self.path = path
        self._fd = fd
        self._remove = remove
        _holds.add(self)

    def release(self) -> None:
        """Remove what was held, and let go. Idempotent; nothing happens in a forked child, which owns nothing."""
        fd, self._fd = self._fd, -1
        if fd != -1:
            self._remove(self.path)
            os.close(fd)

    def _forget(self) -> None:
        """Let a forked child drop its copy of the lock, which would outlive the owner otherwise."""
        fd, self._fd = self._fd, -1
        if fd != -1:
            os.close(fd)


def held() -> list[Path]:
    """Return the paths that this process holds now."""
    return [hold.path for hold in list(_holds) if hold._fd != -1]


def try_lock(fd: int, kind: int) -> bool:
    """Take the lock LOCK_EX or LOCK_SH at once; return whether it could be had."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(path: Path, fd: int) -> bool:
    """Return whether `path` still leads to what `fd` has open."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.lstat(path), os.fstat(fd))
    return False


def remove_if_dead(path: Path, remove: Callable[[Path], object]) -> bool:
    """Call `remove` if the owner of `path` is gone; return whether it was. What is not this user's is left alone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # another reader was faster, or it is not ours to look at
        return False
    try:
        if os.fstat(fd).st_uid != os.geteuid() or not try_lock(fd, fcntl.LOCK_SH):
            return False
        remove(path)
        return True
    except OSError:  # a file system without locks: nobody can tell
        return False
    finally:
        os.close(fd)


_holds: weakref.WeakSet[Hold] = weakref.WeakSet()


def _forget_all() -> None:
    for hold in list(_holds):
        hold._forget()


os.register_at_fork(after_in_child=_forget_all)
