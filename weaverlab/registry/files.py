"""One JSON file for each running deployment of this user, in `folder()`. Who can read it may control the deployment.

    ID.json    appears under this name complete and locked, and never changes (`hold` says what the lock is for)
    .ID-N      the same on its way

Machines that share a home directory have a folder each, as a lock may not be seen, and a socket not reached, from
another one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from weaverlab.registry import sockets
from weaverlab.registry.hold import ATTEMPTS_MAX, Hold, remove_if_dead, try_lock

STATE_VARIABLE = "WEAVERLAB_STATE"
RECORD_BYTES_MAX = 65_536  # one of ours has some hundreds


@dataclass(frozen=True)
class Record:
    """What another process needs to know of a deployment before it can ask it."""

    id: str
    app: str
    deployer: str
    weaverlab_version: str
    pid: int
    started_s: float  # since the Unix epoch
    address: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)  # hexadecimal


def folder(section: str = "deployments") -> Path:
    """Return where the files of this machine are: below WEAVERLAB_STATE, or below the user's folder for state.

    `section` says what is registered there.

    Raises:
        OSError: this user has no home directory.
    """
    given = os.environ.get(STATE_VARIABLE)
    state = os.environ.get("XDG_STATE_HOME", "")
    try:
        top = Path(given) if given else (_absolute(state) or Path.home() / ".local" / "state") / "weaverlab"
    except RuntimeError as error:
        raise OSError(str(error)) from None
    return top / section / (platform.node() or "localhost")


def register(record: Record) -> Hold:
    """Let others see this deployment until the hold is released or this process ends. Raises OSError."""
    here = folder()
    here.mkdir(mode=0o700, parents=True, exist_ok=True)
    for attempt in range(ATTEMPTS_MAX):
        draft = here / f".{record.id}-{os.getpid()}-{attempt}"
        fd = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            if _is_published(record, fd, draft):
                return Hold(_path(record.id), fd, _unlink)
            os.close(fd)
        except BaseException:
            os.close(fd)
            _unlink(draft)
            raise
    raise OSError(f"{here}: a new file was taken away {ATTEMPTS_MAX} times")


def running(deployer: str | None = None) -> list[Record]:
    """Return the deployments that run, oldest first, or those of one deployer; what dead ones left is removed."""
    clean()
    records = [record for path in _files("*.json") if (record := _read(path)) is not None]
    return sorted((r for r in records if deployer in (None, r.deployer)), key=lambda r: (r.started_s, r.id))


def is_running(record: Record) -> bool:
    """Return whether a deployment still runs, as far as its file says."""
    path = _path(record.id)
    remove_if_dead(path, _unlink)
    return path.exists()


def clean() -> list[str]:
    """Remove the files and socket directories of deployments that were killed; return their paths."""
    files = [str(path) for path in _files("*.json", ".*-*") if remove_if_dead(path, _unlink)]
    return files + sockets.remove_dead()


def _is_published(record: Record, fd: int, draft: Path) -> bool:
    """Lock and write the draft, and give it its name; False when a reader has taken it away."""
    if not try_lock(fd, fcntl.LOCK_EX):  # a reader looks at it in this moment, and then removes it
        return False
    content = json.dumps(asdict(record)).encode()
    while content:
        content = content[os.write(fd, content) :]
    try:
        os.rename(draft, _path(record.id))
    except FileNotFoundError:
        return False
    return True


def _read(path: Path) -> Record | None:
    """Return what is in a file; None when it has just gone, is not this user's, or says nothing we understand."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            if os.fstat(fd).st_uid == os.geteuid():
                facts = json.loads(file.read(RECORD_BYTES_MAX))
                return Record(**{name: facts[name] for name in _FIELDS if name in facts})  # other versions may say more
    return None


def _files(*patterns: str) -> list[Path]:
    with contextlib.suppress(OSError):
        here = folder()
        return sorted(path for pattern in patterns for path in here.glob(pattern))
    return []


def _path(deployment_id: str) -> Path:
    return folder() / f"{deployment_id}.json"


def _absolute(path: str) -> Path | None:
    return Path(path) if os.path.isabs(path) else None  # the XDG specification ignores all others


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


_FIELDS = tuple(one.name for one in fields(Record))
