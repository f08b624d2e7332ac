"""`make fuzz`: every mutant there is and a million together, thousands of live trials, and inputs grown by coverage.

Prints what was tried and ends with status 1 at the first finding, which it names so that it can be made again.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib.util
import itertools
import logging
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from tests.fuzz import corpus
from tests.fuzz.live import RUNNERS, ward
from tests.fuzz.recording import ECHO, SECRET
from weaverlab.transport import SyncPool

GOOD_CLIENT_S = 10.0
BATCH, BATCH_TIMEOUT_S = 5_000, 120.0  # mutants, which mostly take one second together


def pure(frames: int, seed: int) -> str:
    """Check all single changes, and several at once from `seed` on, `frames` mutants together."""
    cases = itertools.islice(itertools.chain(corpus.systematic(), corpus.seeded(itertools.count(seed))), frames)
    checked = 0
    while batch := list(itertools.islice(cases, BATCH)):
        faulthandler.dump_traceback_later(BATCH_TIMEOUT_S, exit=True)  # for a loop that does not end
        checked += corpus.check_all(batch)
    faulthandler.cancel_dump_traceback_later()
    return f"{checked:,} mutated frames and conversations against the pure cores (seeds from {seed})"


def live(trials: int, seed: int) -> str:
    """Send clients of both kinds through relays that change what they carry; a good client must still be served."""
    report = []
    for mode, run in RUNNERS.items():
        with ward() as here:
            outcomes = run(here, iter(range(seed, seed + trials)))
            pool = SyncPool(here.address, SECRET)
            assert pool.call(ECHO, "still there", GOOD_CLIENT_S).ok
            pool.close()
        counts = ", ".join(f"{name} {count:,}" for name, count in outcomes.most_common())
        report.append(f"{trials:,} live trials of a {mode.name} client: {counts}")
    return "\n".join(report)


def grown(duration_s: int) -> str:
    """Let atheris grow inputs for so long, where it is installed."""
    if importlib.util.find_spec("atheris") is None:
        return "skipped: inputs grown by coverage, since atheris is not installed and `make fuzz` found no wheel"
    with tempfile.TemporaryDirectory(prefix="wl-") as folder:
        options = [f"-max_total_time={duration_s}", "-timeout=10", "-max_len=8192", f"-artifact_prefix={folder}/"]
        command = [sys.executable, "-m", "tests.fuzz.coverage_guided", folder, *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=duration_s + 120)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-8_000:]
    runs, coverage = re.findall(r"#(\d+)\s+DONE\s+cov: (\d+)", done.stderr)[-1]
    return f"{int(runs):,} inputs grown by atheris, which reached {coverage} edges of weaverlab.wire"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000, help="mutants against the pure cores")
    parser.add_argument("--trials", type=int, default=3_000, help="live trials of each kind of client")
    parser.add_argument("--coverage-s", type=int, default=60, help="seconds for atheris")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="where random changes begin")
    asked = parser.parse_args()
    logging.getLogger("weaverlab").setLevel(logging.ERROR)  # connections are closed with a reason all the time
    stages: list[Callable[[], str]] = [
        lambda: pure(asked.frames, asked.seed),
        lambda: live(asked.trials, asked.seed),
        lambda: grown(asked.coverage_s),
    ]
    for stage in stages:
        began_s = time.monotonic()
        try:
            print(f"{stage()}\n    in {time.monotonic() - began_s:.0f} s", flush=True)
        except AssertionError as finding:
            sys.exit(f"FOUND: {finding}")


if __name__ == "__main__":
    main()
