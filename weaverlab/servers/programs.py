"""Which programs each kind of server is, where they are on this machine, and which package has what is missing."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from weaverlab.errors import ServerError

# Debian keeps servers where no user's PATH leads, and PostgreSQL one folder for each version.
MORE_FOLDERS = ("/usr/local/sbin", "/usr/sbin")
FIRST_FOLDER = "/usr/lib/rabbitmq/bin"  # Debian's wrapper on the PATH lets only root and its own account in
VERSIONED_FOLDERS = "/usr/lib/postgresql/*/bin"


@dataclass(frozen=True)
class Needs:
    """What one kind of server needs on a machine."""

    programs: tuple[str, ...]
    debian: str
    homebrew: str
    user: str  # the account that Debian's package makes
    module: str = ""  # the Python client that sets servers up and measures their lag
    extra: str = ""


NEEDS = {
    "redis": Needs(("redis-server",), "redis-server", "redis", "redis"),
    "mariadb": Needs(("mariadbd", "mariadb-install-db"), "mariadb-server", "mariadb", "mysql", "pymysql", "mariadb"),
    "postgres": Needs(
        ("postgres", "initdb", "pg_basebackup"), "postgresql", "postgresql@17", "postgres", "psycopg", "postgres"
    ),
    "rabbitmq": Needs(
        ("rabbitmq-server", "rabbitmqctl", "erl", "epmd"), "rabbitmq-server", "rabbitmq", "rabbitmq", "pika", "rabbitmq"
    ),
}


def find(program: str) -> str | None:
    """Return the path of `program`, or None."""
    return shutil.which(program, path=os.pathsep.join(_folders()))


def path_of(program: str) -> str:
    """Return the path of `program`, which `check` has found."""
    path = find(program)
    assert path is not None, program
    return path


def check(kind: str) -> None:
    """Raise ServerError naming everything that `kind` needs and this machine does not have."""
    needs = NEEDS[kind]
    missing = []
    if absent := [program for program in needs.programs if find(program) is None]:
        missing.append(
            f"{', '.join(absent)} not found. Install it: apt-get install {needs.debian} (Debian, Ubuntu), "
            f"brew install {needs.homebrew} (Homebrew)"
        )
    if needs.module and importlib.util.find_spec(needs.module) is None:
        missing.append(f"the Python package {needs.module} is not installed: pip install 'weaverlab[{needs.extra}]'")
    if missing:
        raise ServerError(f"{kind} servers cannot be started here:\n  " + "\n  ".join(missing))


def _folders() -> list[str]:
    versioned = sorted(Path("/").glob(VERSIONED_FOLDERS.lstrip("/")), key=_version, reverse=True)
    return [FIRST_FOLDER, *os.environ.get("PATH", "").split(os.pathsep), *map(str, versioned), *MORE_FOLDERS]


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", str(folder))))
