"""How evenly keys are spread over replicas, how few move when one comes, and what finding a replica costs.

    python -m benchmarks.routing [--keys 200000]

"slots" and "keys" are the largest distance of a replica's share from the mean; of 200000 keys, chance alone makes about
2 % for 17 replicas. "moved" is the share of slots that move when one more replica comes, beside the least that must.
The last lines are the cost of a routed call in its caller.
"""

from __future__ import annotations

import argparse
import timeit
from collections import Counter
from collections.abc import Callable, Sequence

from weaverlab import Component, WithRouter
from weaverlab.component import build_application
from weaverlab.component.router import key_function
from weaverlab.routing import SLOTS, Assignment, slot_of

REPLICAS = range(1, 18)


class ByPostId:
    def fetch(self, post_id: str) -> str:
        return post_id


class Storage(Component, WithRouter[ByPostId]):
    def fetch(self, post_id: str) -> str:
        return post_id


def named(count: int) -> list[str]:
    return [f"Storage/{number}" for number in range(count)]


def unevenness(owners: Sequence[str], replicas: int) -> float:
    """Return how far the share of some replica is from the mean, at most, as a share of the mean."""
    mean = len(owners) / replicas
    shares = Counter(owners)
    return max(abs(shares[name] - mean) / mean for name in named(replicas))


def balance(keys: Sequence[str]) -> None:
    print("replicas    slots     keys    moved   at least")
    slots = [slot_of(key) for key in keys]
    assignment = Assignment.of(named(1))
    for replicas in REPLICAS:
        assignment = assignment.rebalanced(named(replicas))
        more = assignment.rebalanced(named(replicas + 1))
        moved = sum(one != other for one, other in zip(assignment.owners, more.owners, strict=True))
        of_keys = [assignment.owners[slot] for slot in slots]
        print(
            f"{replicas:8} {unevenness(assignment.owners, replicas):8.2%} {unevenness(of_keys, replicas):8.2%} "
            f"{moved / SLOTS:8.2%}   {SLOTS // (replicas + 1) / SLOTS:8.2%}"
        )


def nanoseconds(function: Callable[[], object]) -> float:
    """Return the time of one call: the best of five rounds, since a busy machine only ever adds."""
    rounds = 100_000
    return min(timeit.repeat(function, number=rounds, repeat=5)) / rounds * 1e9


def cost() -> None:
    spec = build_application([Storage]).components["Storage"]
    key_of = key_function(spec, spec.methods[0])
    assert key_of is not None
    assignment = Assignment.of(named(REPLICAS[-1]))
    healthy = set(assignment.replicas)
    without_owner = healthy - {assignment.owners[slot_of("post-17")]}
    steps: dict[str, Callable[[], object]] = {
        "router and its check": lambda: key_of(("post-17",)),
        "slot of the key": lambda: slot_of("post-17"),
        "owner of the slot": lambda: assignment.owner(665, healthy),
        "all three": lambda: assignment.owner(slot_of(key_of(("post-17",))), healthy),
        "all three, owner dead": lambda: assignment.owner(slot_of(key_of(("post-17",))), without_owner),
    }
    for name, step in steps.items():
        print(f"{name:22} {nanoseconds(step):6.0f} ns")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=200_000)
    options = parser.parse_args()
    balance([f"post-{number}" for number in range(options.keys)])
    print()
    cost()


if __name__ == "__main__":
    main()
