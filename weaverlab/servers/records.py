"""Which groups of servers run: a small file for each, locked by the process that keeps them.

NAME.json    appears complete and locked, and never changes; who finds it unlocked removes what the group has left
.NAME-N      the same on its way
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from weaverlab import registry
from weaverlab.registry import Hold
from weaverlab.registry.hold import is_at, try_lock

SECTION = "servers"  # of the registry


@dataclass(frozen=True)
class Record:
    """Where to ask a group."""

    name: str
    kind: str
    folder: str
    pid: int


def claim(kind: str, folder: Path) -> tuple[Record, Hold]:
    """Register a group under a name that no other of this user has: its kind, or kind-2, ... Raises OSError."""
    here = registry.folder(SECTION)
    here.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in itertools.count(1):
        record = Record(kind if number == 1 else f"{kind}-{number}", kind, str(folder), os.getpid())
        if hold := _claimed(record, here):
            return record, hold
    raise AssertionError("unreachable")


def running() -> list[Record]:
    """Return the groups that run, by name; what dead ones left is removed."""
    clean()
    records = [record for path in registry.folder(SECTION).glob("*.json") if (record := _read(path)) is not None]
    return sorted(records, key=lambda record: record.name)


def clean() -> list[str]:
    """Remove what groups have left whose keeper was killed: their data, and their file here; return the paths."""
    removed = []
    for path in sorted(registry.folder(SECTION).glob("*.json")):
        record = _read(path)
        if _remove_if_dead(path):
            removed += [record.folder, str(path)] if record else [str(path)]
    return removed


def _claimed(record: Record, here: Path) -> Hold | None:
    """Write and lock the file of `record`, and give it its name, unless somebody else has that."""
    path, draft = here / f"{record.name}.json", here / f".{record.name}-{record.pid}"
    _remove_if_dead(path)
    fd = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        try_lock(fd, fcntl.LOCK_EX)
        os.write(fd, json.dumps(asdict(record)).encode())
        os.link(draft, path)
    except FileExistsError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    finally:
        os.unlink(draft)
    return Hold(path, fd, _unlink)


def _remove_if_dead(path: Path) -> bool:
    """Remove what a keeper that was killed has left, and return whether it was; its servers have ended with it.

    Names are used again, so only who has the lock alone may remove, and only what is still under this name.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:  # another reader was faster
        return True
    try:
        is_dead = try_lock(fd, fcntl.LOCK_EX) and is_at(path, fd)
        if is_dead:
            record = _read(path)
            if record is not None:
                shutil.rmtree(record.folder, ignore_errors=True)
            _unlink(path)
        return is_dead
    finally:
        os.close(fd)


def _read(path: Path) -> Record | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Record(**json.loads(path.read_text()))
    return None


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)
