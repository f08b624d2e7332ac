"""How long it takes to get going: importing WeaverLab, and deploying eight processes cold and warm.

    python benchmarks/startup.py [--rounds 7] [--json FILE]

Rounds are interleaved; a figure is the median, with the quartiles. "cold" is the first deployment of a fresh Python
process, with the start of the fork server; "warm" the deployments after it. Both end with the first answer of each of
the eight components. Memory is the proportional set size (PSS) of all processes, without the deploying one.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import weaverlab as weaver
from weaverlab import Component

COMPONENTS = 8
WARM = 3  # deployments after the first one, in each round


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


def deploy_once() -> tuple[float, float]:
    """Return the milliseconds from deploy to the first answer of each component, and the MB of their processes."""
    started_s = time.perf_counter()
    with weaver.deploy(*ALL, show=lambda entry: None) as app:
        for component in ALL:
            app.get(component).ping()
        elapsed_ms = (time.perf_counter() - started_s) * 1e3
        return elapsed_ms, sum(pss_mb(replica.pid) for replica in app.replicas())


def pss_mb(pid: int) -> float:
    """Return the memory of a process in MB, what it shares with others counted in proportion (Linux)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def time_import(statement: str) -> float:
    """Return the milliseconds that a fresh interpreter takes to run `statement`."""
    started_s = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", statement], check=True)
    return (time.perf_counter() - started_s) * 1e3


def deploy_in_fresh_process() -> dict[str, list[float]]:
    """Return the times of a cold and of the following warm deployments."""
    done = subprocess.run([sys.executable, __file__, "--child"], check=True, capture_output=True, text=True)
    times: dict[str, list[float]] = json.loads(done.stdout)
    return times


def summary(values: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": round(middle, 1), "q1": round(low, 1), "q3": round(high, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        first, *rest = (deploy_once() for _ in range(1 + WARM))
        print(json.dumps({"cold": [first[0]], "warm": [ms for ms, _ in rest], "memory": [first[1]]}))
        return
    figures: dict[str, list[float]] = {"bare": [], "import": [], "cold": [], "warm": [], "memory": []}
    for _ in range(options.rounds):
        figures["bare"].append(time_import("pass"))
        figures["import"].append(time_import("import weaverlab"))
        for name, values in deploy_in_fresh_process().items():
            figures[name] += values
    figures["import"] = [a - b for a, b in zip(figures["import"], figures["bare"], strict=True)]
    names = {
        "bare": "bare interpreter, ms",
        "import": "import weaverlab above it, ms",
        "cold": f"deploy {COMPONENTS} processes, cold, ms",
        "warm": f"deploy {COMPONENTS} processes, warm, ms",
        "memory": f"memory of the {COMPONENTS} processes, MB",
    }
    for name, title in names.items():
        found = summary(figures[name])
        print(f"{title:38} {found['median']:8.1f}   ({found['q1']:.1f} to {found['q3']:.1f})")
    if options.json:
        report = {name: summary(values) for name, values in figures.items()}
        options.json.write_text(json.dumps({"python": platform.python_version(), **report}, indent=2) + "\n")


if __name__ == "__main__":
    main()
