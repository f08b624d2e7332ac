"""Runs the rounds: each in a process of its own, kinds and modes by turns, with a time limit, and nothing left behind.

Not in here: what is measured (`plan`), and how (the suites).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.plan import Job
from weaverlab.testing import processes

ROUND_TIMEOUT_S = 300.0
LEFT_TIMEOUT_S = 10.0  # for what a round has started to end after it
ROOT = Path(__file__).parent.parent


def run_rounds(jobs: Iterable[Job], count: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Run each job `count` times, all of them once before any a second time.

    A peer that fails is not asked again in that mode.

    Returns:
        One dict a round: "suite", "group", "mode", "number", "elapsed_s"; "rows", or "error" and "output" if it
        failed; "left", the processes that it left behind, if any.
    """
    rounds: list[dict[str, Any]] = []
    failed: set[Job] = set()
    for number in range(1, count + 1):
        for job in jobs:
            if job in failed:
                continue
            one = run_round(job, number)
            rounds.append(one)
            say(f"round {number} of {count}: {job.suite}, {job.mode}, {job.group}: {one['elapsed_s']:.1f} s")
            if "error" in one:
                say(f"{one['output']}\nthis round failed")
                if job.is_peer:
                    failed.add(job)
    return rounds


def run_round(job: Job, number: int) -> dict[str, Any]:
    """Run one round; whatever it has started is gone afterwards, and so are its files."""
    processes.mark_children()
    before = processes.started_processes()
    one: dict[str, Any] = {"suite": job.suite, "group": job.group, "mode": job.mode, "number": number}
    started_s = time.monotonic()
    # Short, since sockets lie in it. What is killed below may still write into it while it is removed.
    with tempfile.TemporaryDirectory(prefix="wl-", ignore_cleanup_errors=True) as folder:
        try:
            one["rows"] = _run_child(job, folder)
        except (OSError, RuntimeError) as error:
            one["output"] = str(error) or repr(error)
            one["error"] = one["output"].splitlines()[-1]
        finally:  # after Ctrl-C too
            one["elapsed_s"] = round(time.monotonic() - started_s, 2)
            left = processes.wait_gone(before, LEFT_TIMEOUT_S)
            processes.kill(left)
            if left:
                one["left"] = [str(process) for process in left]
    return one


def _run_child(job: Job, folder: str) -> list[dict[str, Any]]:
    result = Path(folder, "rows")
    command = [sys.executable, "-m", "benchmarks.child", json.dumps(job.spec()), str(result)]
    environ = {**os.environ, "TMPDIR": folder}
    with Path(folder, "output").open("w+", errors="replace") as output:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            code = child.wait(ROUND_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"took longer than {ROUND_TIMEOUT_S:g} s") from None
        finally:
            if child.poll() is None:  # a time limit, or Ctrl-C
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if code:
            output.seek(0)
            raise RuntimeError(output.read().strip() or f"ended with {code}")
    rows: list[dict[str, Any]] = json.loads(result.read_text(encoding="utf-8"))
    return rows
