"""What TLS costs: two deployments of the same component, one of them with `mtls = true`, measured by turns.

    python -m benchmarks.tls [--blocks 9]

Each line is the median time of a call without and with TLS, what is added, and the ratio with its quartiles. Also how
long a deployment takes to be ready, and to connect for the first time.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import numpy

import weaverlab as weaver
from benchmarks.ours import EchoService
from benchmarks.timing import by_turns, time_awaits, time_calls
from weaverlab.config import parse

BLOCK_S = 0.1
VALUES = {
    "tiny string": "tiny",
    "1 KiB bytes": bytes(1024),
    "1 MiB ndarray": numpy.zeros(1 << 17),
    "16 MiB ndarray": numpy.zeros(1 << 21),
}
CONFIGS = {"plain": parse(""), "tls": parse("[multi]\nmtls = true")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=9, help="blocks of a tenth of a second for each figure")
    blocks = max(5, parser.parse_args().blocks)
    print(f"{'':<28}{'plain µs':>12}{'TLS µs':>12}{'added µs':>12}{'ratio':>8}   quartiles")
    with ExitStack() as stack:
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        apps = {
            name: stack.enter_context(weaver.deploy(EchoService, config=config)) for name, config in CONFIGS.items()
        }
        for what, value in VALUES.items():
            handles = {name: app.get(EchoService) for name, app in apps.items()}
            show(f"{what}, sync", blocks, {n: partial(time_calls, h.echo, value) for n, h in handles.items()})
            show(f"{what}, async", blocks, {n: partial(awaited, loop, h, value) for n, h in handles.items()})
    show("deploy and first call", blocks, {name: partial(deploys, config) for name, config in CONFIGS.items()})


def show(what: str, blocks: int, tracks: dict[str, Callable[[int], float]]) -> None:
    times_s = by_turns(tracks, blocks, BLOCK_S)
    plain_us, tls_us = (statistics.median(times_s[name]) * 1e6 for name in ("plain", "tls"))
    ratios = [tls / plain for tls, plain in zip(times_s["tls"], times_s["plain"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    added_us = tls_us - plain_us
    print(f"{what:<28}{plain_us:>12,.1f}{tls_us:>12,.1f}{added_us:>12,.1f}{middle:>8.2f}   {low:.2f}-{high:.2f}")


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
