"""A deployer that runs each weavelet as a plain subprocess: `python -m weaverlab.runtime`, and three pipes.

    app = weaverlab.deploy(App, deployer=Subprocesses())

It is a whole one, and passes the suite for deployers (see docs/deployers.md). What it does not do is start a process in
12 ms, as "multi" does: a fresh interpreter takes ten times as long.
"""

from __future__ import annotations

import os
import subprocess
import sys
from subprocess import PIPE


class Subprocesses:
    """Starts the weavelets of a deployment. All that an engine needs is a name and `start`."""

    name = "subprocesses"

    def start(self, replica: str) -> Subprocess:
        """Start a process that waits on its standard input to be told that it is `replica`."""
        # It must find the WeaverLab that we have, and no stray module in the working directory (PYTHONSAFEPATH). The
        # environment that the application sees comes with the bootstrap.
        found_at = os.pathsep.join(filter(None, sys.path))
        environ = {**os.environ, "PYTHONPATH": found_at, "PYTHONSAFEPATH": "1"}
        command = [sys.executable, "-m", "weaverlab.runtime"]
        # subprocess makes pipes that no other child inherits. That matters for standard input: the weavelet ends when
        # nobody holds our end of it any more.
        return Subprocess(subprocess.Popen(command, env=environ, bufsize=0, stdin=PIPE, stdout=PIPE, stderr=PIPE))


class Subprocess:
    """One weavelet process, as the deployer wants to hold it."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        assert popen.stdin is not None and popen.stdout is not None and popen.stderr is not None
        self._popen = popen
        self._pipes = (popen.stdin, popen.stdout, popen.stderr)
        self.pid = popen.pid
        self.lifeline_fd = popen.stdin.fileno()
        self.events_fd = popen.stdout.fileno()
        self.output_fd = popen.stderr.fileno()

    def send_signal(self, number: int) -> None:
        """Kill it, pause it or let it go on; nothing happens when it has ended."""
        self._popen.send_signal(number)

    def wait(self, timeout_s: float) -> int | None:
        """Return its exit code, or minus the number of the signal that ended it; None while it runs."""
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Release the pipes. The process has ended by then, and `wait` has collected it."""
        for pipe in self._pipes:
            pipe.close()
