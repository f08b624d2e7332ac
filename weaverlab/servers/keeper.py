"""The process that keeps one group of servers, and takes it down when nobody wants it any more.

    standard input    one line of JSON, the spec; perhaps later a line "stay"; end of file without it: take it all down
    standard output   one line of JSON: {"answer": what runs} or {"error": why it does not}
    control socket    what may be asked while it runs (see `control`)

The kernel tells the end of file also when whoever started it was killed. When the keeper itself is killed, the kernel
ends the servers (`process`), and the next look at the groups that run removes their files (`records`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import sys
import tempfile
import threading
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from weaverlab.clock import secret_bytes
from weaverlab.errors import ServerError
from weaverlab.servers import records
from weaverlab.servers.control import ENVIRONMENT, STAY, Answer, Control, Request, password_variable
from weaverlab.servers.lag import MeasuredLag
from weaverlab.servers.replication import Servers
from weaverlab.servers.spec import Spec
from weaverlab.transport.turns import turns

PASSWORD_BYTES = 16
FOLDER_BYTES_MAX = 60  # the servers' own sockets lie below, and a socket's path has 107 bytes at most


def main() -> NoReturn:
    """Run the group whose spec is on standard input, and end the process when it is to be taken down."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    turns.shorten()  # the proxies must not wait for whoever measures
    spec = Spec(**json.loads(sys.stdin.readline()))
    try:
        keeper = Keeper(spec)
    except (ServerError, OSError) as error:
        _say({"error": str(error)})
        sys.exit(1)
    threading.Thread(target=keeper.end_with_lifeline, name="lifeline", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=keeper.end).start())
    try:
        keeper.start()
        _say({"answer": keeper.describe({})})
        keeper.serve()
    except ServerError as error:
        _say({"error": str(error)})
    except Exception:
        _say({"error": traceback.format_exc()})
    keeper.end()


class Keeper:
    """Holds the servers, their folder and their name."""

    def __init__(self, spec: Spec) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="weaverlab-servers-", dir=_parent()))
        try:
            self._record, self._hold = records.claim(spec.kind, self._folder)
        except OSError:
            self._folder.rmdir()
            raise
        self._password = secret_bytes(PASSWORD_BYTES).hex()
        self._servers = Servers(spec, self._password, self._folder)
        self._control = Control(self._folder)
        self._lag: MeasuredLag | None = None
        self._stays = False
        self._removing = threading.Lock()  # more than one may want the end at once
        self._is_removed = False

    def start(self) -> None:
        """Start the servers. Raises ServerError."""
        variable = password_variable(self._record.name)
        self._servers.processes.write(self._folder / ENVIRONMENT, f"export {variable}={self._password}\n")
        self._servers.start()
        if self._servers.spec.replicas:
            self._measure_lag({})

    def serve(self) -> None:
        """Answer one request after another, until one wants the end."""
        answers: dict[str, Answer] = {
            "describe": self.describe,
            "measure_lag": self._measure_lag,
            "pause": lambda _: self._servers.pause(),
            "resume": lambda _: self._servers.resume(),
            "stop": lambda request: self._servers.stop_node(request["node"]),
            "start": lambda request: self._servers.start_node(request["node"]),
            "reseed": lambda request: self._servers.reseed_node(request["node"]),
            "down": lambda _: self._remove(),
        }
        while not self._is_removed:
            self._control.serve_one(answers)

    def describe(self, request: Request) -> dict[str, Any]:
        """Return what runs, the password included: whoever can ask owns it."""
        servers = self._servers
        return {
            "name": self._record.name,
            "spec": asdict(servers.spec),
            "folder": str(self._folder),
            "password": self._password,
            "servers": [
                {
                    "name": node.name,
                    "address": node.address,
                    "database": servers.kind.database(node),
                    "is_running": node.process is not None and not node.process.has_ended(),
                }
                for node in servers.nodes
            ],
            "is_paused": servers.is_paused,
            "stays": self._stays,
            "pid": os.getpid(),
            "lag": asdict(self._lag) if self._lag else None,
        }

    def end_with_lifeline(self) -> None:
        """Wait for the end of standard input, and take everything down unless it was said that it shall stay."""
        self._stays = STAY in sys.stdin.read().split()
        if not self._stays:
            self.end()

    def end(self) -> NoReturn:
        self._remove()
        os._exit(0)

    def _measure_lag(self, request: Request) -> dict[str, Any]:
        self._lag = self._servers.measure_lag()
        return asdict(self._lag)

    def _remove(self) -> None:
        with self._removing:
            if not self._is_removed:
                self._servers.remove()
                self._hold.release()
                self._is_removed = True


def _say(reply: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # whoever started us has gone
        print(json.dumps(reply), flush=True)


def _parent() -> str:
    """Return where the group's folder goes: another account must get into it, and its sockets' paths be short."""
    given = Path(tempfile.gettempdir())
    is_open = os.geteuid() != 0 or all(folder.stat().st_mode & stat.S_IXOTH for folder in (given, *given.parents))
    return str(given) if is_open and len(str(given)) <= FOLDER_BYTES_MAX else "/tmp"
