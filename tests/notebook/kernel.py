"""A real kernel, driven as a front end does: run cells, read what arrives under each, also after it has ended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

PATIENCE_S = 20.0
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Run:
    """One run of a cell. `displays` holds the newest MIME bundle of each display id, in order of appearance."""

    id: str
    number: int = 0
    text: str = ""
    displays: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: str = ""
    error: str = ""
    traceback: str = ""
    is_done: bool = False

    @property
    def all_text(self) -> str:
        return "\n".join([self.text, *(data.get("text/plain", "") for data in self.displays.values()), self.result])


class Kernel:
    """A kernel process with `%load_ext weaverlab` done."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._manager = KernelManager()
        self._manager.start_kernel(cwd=str(folder), env=env)
        self._client: BlockingKernelClient = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE_S)
        self.runs: dict[str, Run] = {}
        self.closed_comms: set[str] = set()
        self.drawings: dict[str, dict[str, Any]] = {}  # the newest that was sent to a widget, by its model id
        self.run("%load_ext weaverlab")

    @property
    def pid(self) -> int:
        return int(self._manager.provisioner.pid)  # type: ignore[union-attr]

    def begin(self, source: str, cell_id: str = "") -> Run:
        """Start a cell and return at once."""
        message = self._client.session.msg(
            "execute_request",
            {"code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False},
            metadata={"cellId": cell_id},
        )
        self._client.shell_channel.send(message)
        return self.runs.setdefault(message["header"]["msg_id"], Run(message["header"]["msg_id"]))

    def run(self, source: str, cell_id: str = "") -> Run:
        """Run a cell to its end."""
        run = self.begin(source, cell_id)
        self.finish(run)
        return run

    def finish(self, run: Run) -> None:
        """Wait until a cell has ended, and its reply has come: ipykernel 7.3 may miss a request that comes earlier."""
        self.wait(lambda: run.is_done)
        while self._client.get_shell_msg(timeout=PATIENCE_S)["parent_header"]["msg_id"] != run.id:
            pass

    def ask(self, expression: str) -> str:
        """Return the repr of an expression's value."""
        run = self.run(expression)
        assert not run.error, run.traceback
        return run.result

    def wait(self, condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Take in messages until `condition` holds."""
        deadline = time.monotonic() + patience_s
        while not condition():
            try:
                self._take(self._client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic())))
            except Empty:
                raise AssertionError(f"waited {patience_s} s in vain; so far: {list(self.runs.values())[-1]}") from None

    def interrupt(self) -> None:
        """Do what the Stop button does."""
        self._manager.interrupt_kernel()

    def close(self, now: bool = False) -> None:
        """End the kernel; `now` with SIGKILL."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=now)
        self._manager.cleanup_resources()

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_msg":
            state = content["data"].get("state", {})
            if "drawing" in state:
                self.drawings[content["comm_id"]] = state["drawing"]
        if kind == "comm_close":
            self.closed_comms.add(content["comm_id"])
        if kind == "update_display_data":
            for run in self.runs.values():  # front ends find the place by its id, wherever the message comes from
                if content["transient"]["display_id"] in run.displays:
                    run.displays[content["transient"]["display_id"]] = content["data"]
        run = self.runs.get(message["parent_header"].get("msg_id", ""))
        if run is None:
            return
        if kind == "execute_input":
            run.number = content["execution_count"]
        elif kind == "stream":
            run.text += _COLOURS.sub("", content["text"])
        elif kind == "display_data":
            display_id = content.get("transient", {}).get("display_id", str(len(run.displays)))
            run.displays[display_id] = content["data"]
        elif kind == "execute_result":
            run.result = content["data"]["text/plain"]
        elif kind == "error":
            run.error = content["ename"]
            run.traceback = _COLOURS.sub("", "\n".join(content["traceback"]))
        elif kind == "status" and content["execution_state"] == "idle":
            run.is_done = True

    def run_all(self, *sources: str) -> Run:
        """Run several cells, which must not fail, and return the last."""
        for source in sources:
            run = self.run(source)
            assert not run.error, run.traceback
        return run

    def complete(self, text: str) -> list[str]:
        """Return what the Tab key offers at the end of `text`."""
        reply = self._client.complete(text, len(text), reply=True, timeout=PATIENCE_S)
        return sorted(reply["content"]["matches"])

    def children(self) -> list[int]:
        """Return the weavelets that run: children of the kernel's fork server."""
        return sorted(pid for servant in _children(self.pid) for pid in _children(servant))


def _children(pid: int) -> list[int]:
    try:
        threads = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except FileNotFoundError:
        return []  # it has ended
