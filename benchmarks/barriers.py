"""What barriers cost the replica that they wait on: as its store waits, by polling with backoff each, by busy polling.

    python -m benchmarks.barriers [--lag-ms 50] [--clients 16] [--barriers 10] [--rounds 5] [redis mariadb postgres]

For each kind, a primary and a replica are started with this lag. Clients, each a thread, write at the primary and call
a barrier at the replica, by turns in the three ways. A line: the CPU time that the replica's processes spend on it,
without what replication alone costs (the same writes, no barriers), and how long a barrier took, both the median
of the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.timing import clock_of
from weaverlab import servers
from weaverlab.antipode import Dependency, request
from weaverlab.config import AntipodeConfig, ServersConfig
from weaverlab.servers import Group
from weaverlab.stores import Host, Pools
from weaverlab.stores.kinds import open_store
from weaverlab.stores.server import ServerStore

KINDS = ("redis", "mariadb", "postgres")
REGIONS = ("eu", "us")
BACKOFF_S_FIRST, BACKOFF_S_MAX = 0.001, 0.05  # doubled in between, as most retry loops do

Wait = Callable[[ServerStore[Any], Dependency], object]


def native(store: ServerStore[Any], wanted: Dependency) -> None:
    store.wait([wanted], 10.0)


def backoff(store: ServerStore[Any], wanted: Dependency) -> None:
    pause_s = BACKOFF_S_FIRST
    while (store._log(store.region).position(wanted) or 0) < wanted.version:
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, BACKOFF_S_MAX)


def busy(store: ServerStore[Any], wanted: Dependency) -> None:
    while (store._log(store.region).position(wanted) or 0) < wanted.version:
        pass


def no_barrier(store: ServerStore[Any], wanted: Dependency) -> None:
    """The writes alone."""


WAYS: dict[str, Wait] = {"no barrier": no_barrier, "the store's": native, "backoff": backoff, "busy": busy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", choices=[[], *KINDS], default=[])
    parser.add_argument("--lag-ms", type=float, default=50.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--barriers", type=int, default=10, help="of each client in a round")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    count = asked.clients * asked.barriers
    print(f"{count} barriers by {asked.clients} clients, a lag of {asked.lag_ms:g} ms, {asked.rounds} rounds")
    print(f"{'':<10}{'way':<14}{'replica CPU ms':>16}{'barrier ms p50':>16}{'p95':>8}")
    for kind in asked.kinds or KINDS:
        with servers.up(kind, lag_ms=asked.lag_ms) as group:
            measure(group, asked.clients, asked.barriers, asked.rounds)


def measure(group: Group, clients: int, barriers: int, rounds: int) -> None:
    """Print a line for each way."""
    pools = Pools()
    primary, replica = (store_of(group, region, pools) for region in REGIONS)
    pid = pid_of_replica(group)
    for wait in WAYS.values():
        run_round(primary, replica, wait, clients, 2, pid)  # opens connections, makes the table
    cpu_ms: dict[str, list[float]] = {name: [] for name in WAYS}
    waits_s: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, wait in WAYS.items():
            spent_s, waited_s = run_round(primary, replica, wait, clients, barriers, pid)
            cpu_ms[name].append(spent_s * 1000)
            waits_s[name] += waited_s
    pools.close()
    idle_ms = statistics.median(cpu_ms["no barrier"])
    for name in WAYS:
        spent_ms = statistics.median(cpu_ms[name]) - (0.0 if name == "no barrier" else idle_ms)
        p50_ms, p95_ms = (1000 * statistics.quantiles(waits_s[name], n=20)[at] for at in (9, 18))
        print(f"{group.kind:<10}{name:<14}{spent_ms:>16,.1f}{p50_ms:>16,.1f}{p95_ms:>8,.1f}", flush=True)


def store_of(group: Group, region: str, pools: Pools) -> Any:
    """Return the group as a store; the primary is in the first region."""
    section = group.section(REGIONS)
    addressed = ServersConfig(
        section["servers"],
        REGIONS[0],
        section["user"],
        group.password,
        databases=dict.fromkeys(REGIONS, section["database"]),
    )
    config = AntipodeConfig("bench", section["type"], "bench", REGIONS, None, {}, addressed)
    return open_store(config, region, group.password, Host(region=region), pools)


def run_round(
    primary: ServerStore[Any], replica: ServerStore[Any], wait: Wait, clients: int, barriers: int, pid: int
) -> tuple[float, list[float]]:
    """Return the CPU seconds of the replica, and how long each barrier took, over one round and the lag after it."""

    def client(number: int) -> list[float]:
        waits_s = []
        for n in range(barriers):
            with request():
                written = primary.write("bench", f"{number}/{n}", os.urandom(64), b"", b"")
                began_s = time.monotonic()
                wait(replica, written)
                waits_s.append(time.monotonic() - began_s)
        return waits_s

    pids = with_children(pid)
    before_s = cpu_s(pids)
    with ThreadPoolExecutor(clients) as pool:
        waits_s = [one for several in pool.map(client, range(clients)) for one in several]
    last = primary.write("bench", "last", b"", b"", b"")
    native(replica, last)  # so that every round pays for the replication of its own writes
    return cpu_s(pids) - before_s, waits_s


def cpu_s(pids: Sequence[int]) -> float:
    """Return the CPU time of these processes."""
    return sum(time.clock_gettime(clock_of(pid)) for pid in pids)


def with_children(pid: int) -> list[int]:
    """Return a process and its children: PostgreSQL has one for each connection, which stays open in our pools."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def pid_of_replica(group: Group) -> int:
    """Return the process that listens on the replica's port, from /proc/net/tcp."""
    port = int(group.replicas[0].address.rpartition(":")[2])
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    inode = next(words[9] for words in lines if words[1].endswith(f":{port:04X}") and words[3] == "0A")
    found = []
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(entry) == f"socket:[{inode}]":
                found.append(int(entry.parts[2]))
        except OSError:
            continue  # it has ended meanwhile
    return min(found)  # PostgreSQL's children hold it, too


if __name__ == "__main__":
    main()
