"""The keeper of a group, as whoever started it holds it: it lives as long as this end of its standard input is open."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from weaverlab.errors import ServerError
from weaverlab.servers.control import STAY
from weaverlab.servers.spec import Spec

START_TIMEOUT_S = 240.0  # each step in it has its own bound
END_TIMEOUT_S = 30.0
HOME = str(Path(__file__).parents[2])


class KeeperProcess:
    """One `python -m weaverlab.servers`. It has nothing of ours but three descriptors, so it may outlive us."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - no pipe, which a keeper that stays would break
        self._process = subprocess.Popen(
            [sys.executable, "-m", "weaverlab.servers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd="/",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [HOME, os.environ.get("PYTHONPATH")]))},
            start_new_session=True,
        )

    def start(self, spec: Spec) -> dict[str, Any]:
        """Let it start the group; return what runs then (see `Keeper.describe`). Raises ServerError."""
        self._tell(json.dumps(asdict(spec)))
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], START_TIMEOUT_S)[0]:
            raise ServerError(f"{spec.kind}: not started within {START_TIMEOUT_S:g} s")
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise ServerError(f"{spec.kind}: its keeper has died.\n{self._errors.read().decode(errors='replace')}")
        reply = json.loads(line)
        if "error" in reply:
            raise ServerError(f"{spec.kind} could not be started: {reply['error']}")
        answer: dict[str, Any] = reply["answer"]
        return answer

    def stay(self) -> None:
        """Let the group live on when this end is closed."""
        self._tell(STAY)
        self._close()
        threading.Thread(target=self._process.wait, daemon=True).start()  # should it end before this process does

    def end(self) -> None:
        """Close this end and wait until the group is gone."""
        self._close()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its standard output says why
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            stream.close()
