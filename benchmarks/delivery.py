"""What becomes of 1,000 messages whose consumer is killed at one step of its handling, again and again.

    python -m benchmarks.delivery [embedded-queue] [rabbitmq] [--messages N] [--kills N] [--address ...] [--json FILE]

Without a name, both stores: about three minutes. RabbitMQ is the one of this machine, by default, with its own account
guest. "lost" must be 0: a message is acknowledged after it has been handled. "begun twice" and "handled twice" are
what that costs: a message whose handler has begun, or has even ended, when its process dies, is handled again.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.delivery_trials import STEPS, Delivered, trial
from weaverlab.experiment import manifest, write_json

HEAD = ("store", "consumer killed", "messages", "kills", "lost", "begun twice", "handled twice", "seconds")
WIDTHS = (14, 20, 8, 6, 6, 11, 13, 7)


def sections(address: str) -> dict[str, dict[str, Any]]:
    """Return what [antipode.notes] says for each store, by the store's name."""
    return {
        "embedded-queue": {"type": "embedded-queue", "regions": ["eu", "us"], "lag_ms": 5},
        "rabbitmq": {"type": "rabbitmq", "servers": {"eu": address, "us": address}},
    }


def show_row(cells: tuple[object, ...]) -> None:
    padded = (
        str(cell).ljust(width) if isinstance(cell, str) else f"{cell:>{width},}"
        for cell, width in zip(cells, WIDTHS, strict=True)
    )
    print(" | ".join(padded), flush=True)


def show(one: Delivered) -> None:
    counts = (one.published, one.kills, one.lost, one.begun_twice, one.handled_twice, round(one.took_s, 1))
    show_row((one.store, *one.steps, *counts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="*", metavar="STORE", help="embedded-queue, rabbitmq")
    parser.add_argument("--messages", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--address", default="127.0.0.1:5672", help="of RabbitMQ")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    known = sections(options.address)
    if unknown := set(options.stores) - known.keys():
        parser.error(f"{', '.join(sorted(unknown))}: expected {', '.join(known)}")
    facts = manifest("delivery", {"messages": options.messages, "kills": options.kills}, config="")
    print(f"{facts['python']}, {facts['processors']} x {facts['processor']}\n")
    show_row(HEAD)
    results = []
    for store in options.stores or known:
        for step in STEPS:
            results.append(trial(store, known[store], [step], options.messages, options.kills))
            show(results[-1])
    if options.json:
        write_json(options.json, {"manifest": facts, "results": [asdict(one) for one in results]})


if __name__ == "__main__":
    main()
