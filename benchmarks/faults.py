"""What a fault costs its callers, how soon it is over, and what is left of many of them.

    python -m benchmarks.faults [kill] [freeze] [servants] [restarts] [cycles] [--quick] [--json FILE]

Without a name, all of them: about ten minutes, most of it for the 3,000 deployments of "cycles". Half of the calls are
of a method that may be repeated, half of one that must not ("once"). "failed" is a call that raised: of the first kind
none should. "untrue" is a call whose caller heard what was not so: answered and not executed, executed twice though it
must not be repeated, executed though "certainly not". "recovered" is from the fault until a process that was hit, or
the one in its place, answered a call; "longest" is the longest that a caller waited, of either kind of call.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import fault_trials as trials
from weaverlab.experiment import manifest, write_json

RATE = 1_000.0
HEAD = (
    "fault",
    "calls",
    "a second",
    "failed",
    "failed once",
    "untrue",
    "recovered ms: median, from, to",
    "longest ms",
    "once",
)
GROWTH_HEAD = ("rounds", "threads", "descriptors", "memory kB", "objects")


def kill(scale: float) -> None:
    kills = max(2, round(20 * scale))
    report_outcomes([trials.kill(kills, replicas, RATE) for replicas in (1, 2, 3)])


def freeze(scale: float) -> None:
    pause_s = 10.0 * scale
    report_outcomes([trials.freeze(pause_s, RATE, timeout_s) for timeout_s in (0.5, 30.0)])


def servants(scale: float) -> None:
    """The deployer and the fork server: until no process and no file is left, or every weavelet is back."""
    times = max(2, round(10 * scale))
    gone_s = [trials.kill_deployer() for _ in range(times)]
    show_times("SIGKILL of the deployer: until no weavelet, socket and file is left", gone_s)
    back_s = trials.kill_fork_server(times)
    show_times("SIGKILL of the fork server, and so of all weavelets: until all are back", back_s)


def restarts(scale: float) -> None:
    report_growth("SIGKILL and restart of one weavelet", trials.restarts(marks(200, scale)))


def cycles(scale: float) -> None:
    for deployer in ("single", "rpc", "multi"):
        report_growth(f"deploy and stop, {deployer}", trials.cycles(deployer, marks(1_000, scale)))


def marks(last: int, scale: float) -> tuple[int, ...]:
    """Return after how many rounds to look: a tenth, a half, and all of them."""
    return tuple(max(1, round(share * last * scale)) for share in (0.1, 0.5, 1.0))


TRIALS: dict[str, Callable[[float], None]] = {
    "kill": kill,
    "freeze": freeze,
    "servants": servants,
    "restarts": restarts,
    "cycles": cycles,
}
results: list[dict[str, Any]] = []


def report_outcomes(outcomes: list[trials.Outcome]) -> None:
    show_row(HEAD)
    for one in outcomes:
        made = (one.fault, one.calls, round(one.calls_per_s))
        failed = (one.failed_retriable, one.failed_once, len(one.untrue))
        show_row((*made, *failed, spread(one.recovered_s), ms(one.longest_s), ms(one.longest_once_s)))
        for untrue in one.untrue[:5]:
            print(f"    {untrue}")
        results.append(asdict(one))
    print()


def report_growth(fault: str, sizes: Iterable[trials.Size]) -> None:
    print(fault)
    show_row(GROWTH_HEAD)
    for one in sizes:
        show_row((one.rounds, one.threads, one.descriptors, one.memory_kb, one.objects))
        results.append({"fault": fault, **asdict(one)})
    print()


def show_times(fault: str, times_s: list[float]) -> None:
    print(f"{fault}: {spread(times_s)} ms, {len(times_s)} times\n")
    results.append({"fault": fault, "times_s": times_s})


def show_row(cells: tuple[object, ...]) -> None:
    print(" | ".join(f"{cell:>9,}" if isinstance(cell, int) else str(cell) for cell in cells), flush=True)


def spread(times_s: list[float]) -> str:
    """Return median, least and greatest, in milliseconds."""
    return ", ".join(ms(one) for one in (statistics.median(times_s), min(times_s), max(times_s)))


def ms(time_s: float) -> str:
    return f"{time_s * 1e3:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=", ".join(TRIALS))
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if unknown := set(options.trials) - set(TRIALS):
        parser.error(f"{', '.join(sorted(unknown))}: expected {', '.join(TRIALS)}")
    facts = manifest("faults", {"trials": options.trials or list(TRIALS), "is_quick": options.quick}, config="")
    print(f"{facts['python']}, {facts['processors']} x {facts['processor']}\n")
    for name in options.trials or TRIALS:
        TRIALS[name](0.1 if options.quick else 1.0)
    if options.json:
        write_json(options.json, {"manifest": facts, "results": results})


if __name__ == "__main__":
    main()
