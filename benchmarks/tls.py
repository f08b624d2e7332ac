"""What TLS costs: two deployments of the same component, one of them with `mtls = true`, measured by turns.

    python -m benchmarks.tls [--blocks 9]

Each line: the median time of a call, and the CPU time that both processes spend on it, without and with TLS. On a busy
machine the CPU times are the ones to look at.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial

import numpy

import weaverlab as weaver
from benchmarks.ours import EchoService
from benchmarks.timing import Run, by_turns, cpu_clock, time_awaits, time_calls
from weaverlab.config import parse

BLOCK_S = 0.1
VALUES = {
    "tiny string": "tiny",
    "1 KiB bytes": bytes(1024),
    "1 MiB ndarray": numpy.zeros(1 << 17),
    "16 MiB ndarray": numpy.zeros(1 << 21),
}
CONFIGS = {"plain": parse(""), "tls": parse("[multi]\nmtls = true")}


class Metered:
    """A run that also takes down the CPU time of a call, in µs."""

    def __init__(self, run: Run, pids: Iterable[int]) -> None:
        self._run = run
        self._cpu_s = cpu_clock(pids)
        self.cpu_us: list[float] = []

    def __call__(self, count: int) -> float:
        cpu_s = self._cpu_s()
        elapsed_s = self._run(count)
        self.cpu_us.append((self._cpu_s() - cpu_s) / count * 1e6)
        return elapsed_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=9, help="blocks of a tenth of a second for each figure")
    blocks = max(5, parser.parse_args().blocks)
    print(f"{'':<26}{'µs plain':>11}{'TLS':>11}{'ratio':>7}{'CPU µs plain':>15}{'TLS':>11}{'ratio':>7}")
    with ExitStack() as stack:
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        apps = [stack.enter_context(weaver.deploy(EchoService, config=config)) for config in CONFIGS.values()]
        pids = [app.replicas()[0].pid for app in apps]
        handles = [app.get(EchoService) for app in apps]
        for what, value in VALUES.items():
            show(f"{what}, sync", blocks, [partial(time_calls, h.echo, value) for h in handles], pids)
            show(f"{what}, async", blocks, [partial(awaited, loop, h, value) for h in handles], pids)
    show("deploy, call, stop", blocks, [partial(deploys, config) for config in CONFIGS.values()], [])


def show(what: str, blocks: int, runs: list[Run], pids: list[int]) -> None:
    """Measure the two runs and print a line; `pids` are those of their callees, whose CPU time counts too."""
    metered = {name: Metered(run, pids) for name, run in zip(CONFIGS, runs, strict=True)}
    times_s = by_turns(metered, blocks, BLOCK_S)
    plain, tls = (statistics.median(times_s[name]) * 1e6 for name in CONFIGS)
    cpu_plain, cpu_tls = (statistics.median(metered[name].cpu_us[-blocks:]) for name in CONFIGS)
    times = f"{plain:>11,.1f}{tls:>11,.1f}{tls / plain:>7.2f}"
    print(f"{what:<26}{times}{cpu_plain:>15,.1f}{cpu_tls:>11,.1f}{cpu_tls / cpu_plain:>7.2f}")


def awaited(loop: asyncio.AbstractEventLoop, handle: EchoService, value: object, count: int) -> float:
    return loop.run_until_complete(time_awaits(handle.echo_async, value, count))


def deploys(config: object, count: int) -> float:
    started_s = time.perf_counter()
    for _ in range(count):
        with weaver.deploy(EchoService, config=config) as app:
            app.get(EchoService).echo(1)
    return time.perf_counter() - started_s


if __name__ == "__main__":
    main()
