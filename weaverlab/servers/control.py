"""How a group is told what to do: one JSON object each way, over a UNIX socket in the group's own folder.

{"do": "stop", "node": "primary"}   ──▶
                                    ◀──   {"answer": ...}  or  {"error": "why not"}
"""

from __future__ import annotations

import contextlib
import json
import socket
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from weaverlab.errors import ServerError

SOCKET = "control"
ENVIRONMENT = "environment"  # a file for shells to read
STAY = "stay"  # said to a keeper on its standard input: the group shall outlive whoever started it
ANSWER_TIMEOUT_S = 150.0  # the slowest: a server is seeded anew and started, each within a minute
ASK_TIMEOUT_S = 5.0
LINE_BYTES_MAX = 65_536


class GroupGone(ServerError):
    """The group has been taken down, or its keeper was killed."""


Request: TypeAlias = dict[str, Any]
Answer: TypeAlias = Callable[[Request], Any]


def password_variable(name: str) -> str:
    """Return the environment variable that holds the password of the group `name`."""
    return f"WEAVERLAB_{name.upper().replace('-', '_')}_PASSWORD"


def ask(folder: Path, do: str, **arguments: Any) -> Any:
    """Return the answer of the group in `folder`. Raises ServerError when it refuses, fails, or is not there."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(ANSWER_TIMEOUT_S)
        try:
            sock.connect(str(folder / SOCKET))
            sock.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
            reply = json.loads(sock.makefile("rb").readline())
        except TimeoutError:
            raise ServerError(f"the group has not answered {do!r} within {ANSWER_TIMEOUT_S:g} s") from None
        except (OSError, ValueError):
            raise GroupGone("the group of servers does not run any more") from None
    if "error" in reply:
        raise ServerError(reply["error"])
    return reply["answer"]


class Control:
    """The group's end."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(folder / SOCKET))
        self._socket.listen()

    def serve_one(self, answers: Mapping[str, Answer]) -> None:
        """Wait for one request, and answer it by the function of that name."""
        connection, _ = self._socket.accept()
        connection.settimeout(ASK_TIMEOUT_S)
        gone_or_foreign = (OSError, ValueError, KeyError)
        with contextlib.suppress(*gone_or_foreign), connection, connection.makefile("rwb") as stream:
            request = json.loads(stream.readline(LINE_BYTES_MAX))
            stream.write(json.dumps(_reply(answers[request["do"]], request)).encode() + b"\n")


def _reply(answer: Answer, request: Request) -> dict[str, Any]:
    try:
        return {"answer": answer(request)}
    except ServerError as error:
        return {"error": str(error)}
    except Exception:
        return {"error": traceback.format_exc()}
