"""The suite "startup": importing WeaverLab, and deploying eight processes until each has answered, cold and warm.

"cold" is the first deployment of a fresh process, with the start of the fork server; "warm" are those after it. Memory
is the proportional set size (PSS) of all that the deployment has started, which counts a shared page in parts.
"""

from __future__ import annotations

import compileall
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import weaverlab as weaver
from weaverlab import Component

WARM = 3  # deployments after the first one
IMPORTS = 3


class Zero(Component):
    def ping(self) -> int:
        return 0


class One(Zero): ...


class Two(Zero): ...


class Three(Zero): ...


class Four(Zero): ...


class Five(Zero): ...


class Six(Zero): ...


class Seven(Zero): ...


ALL = (Zero, One, Two, Three, Four, Five, Six, Seven)


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return ms and MB of one round; the times' base is the start of a bare interpreter."""
    # As pip does when it installs. Where Python may not write bytecode, each process would compile all of it anew.
    compileall.compile_dir(Path(weaver.__file__).parent, quiet=1)
    (cold_ms, memory_mb), *warm = (deploy_once() for _ in range(1 + WARM))
    bare_ms, import_ms = [], []
    for _ in range(IMPORTS):
        bare_ms.append(time_interpreter("pass"))
        import_ms.append(time_interpreter("import weaverlab"))
    bare = statistics.median(bare_ms)
    times_ms = {
        "bare interpreter": bare,
        "import weaverlab, above it": statistics.median(import_ms) - bare,
        "deploy 8 processes, cold": cold_ms,
        "deploy 8 processes, warm": statistics.median(ms for ms, _ in warm),
    }
    rows = [{"system": "", "case": case, "unit": "ms", "value": ms, "base": bare} for case, ms in times_ms.items()]
    return [*rows, {"system": "", "case": "memory of 8 processes", "unit": "MB", "value": memory_mb, "base": None}]


def deploy_once() -> tuple[float, float]:
    """Return ms from deploy to the first answer of each component, and MB of what runs for it."""
    started_s = time.perf_counter()
    with weaver.deploy(*ALL, show=lambda entry: None) as app:
        for component in ALL:
            app.get(component).ping()
        elapsed_ms = (time.perf_counter() - started_s) * 1e3
        return elapsed_ms, sum(pss_mb(pid) for pid in descendants())


def descendants() -> set[int]:
    """Return the processes below this one (Linux)."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:  # it has just ended
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {int(Path("/proc/self").resolve().name)}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {int(Path("/proc/self").resolve().name)}


def pss_mb(pid: int) -> float:
    """Return the memory of a process in MB, what it shares with others counted in parts (Linux)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def time_interpreter(statement: str) -> float:
    """Return the ms that a fresh interpreter takes to run `statement`."""
    started_s = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", statement], check=True)
    return (time.perf_counter() - started_s) * 1e3
