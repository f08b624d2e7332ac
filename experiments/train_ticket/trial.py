"""One run: deploy the service with one strategy, let travellers cancel their tickets and look, stop it.

Not in here: the travellers (`client.py`), and which runs there are (`run.py`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from client import ASK_FOR_S, TIMEOUT_S, Journey
from train import TrainTicket

import weaverlab as weaver
from weaverlab.config import Config
from weaverlab.errors import WeaverError
from weaverlab.experiment import Measured, Run, Warnings, percentile

CLIENT = Path(__file__).with_name("client.py")
START_TIMEOUT_S = 20.0  # for a Python process on a busy machine, and for buying all tickets
CONNECTIONS = 32


@dataclass(frozen=True)
class Cell:
    """What is measured: where orders are kept, what a cancellation waits for, and cancellations a second."""

    store: str
    strategy: str
    rate: float


def measure(run: Run[Cell], config: Config, duration_s: float, warmup_s: float) -> Measured:
    """Carry out `run` on a deployment of its own, which has been stopped when this returns."""
    with weaver.deploy(TrainTicket, config=configured(config, run), show=Warnings().show) as deployment:
        web, desk = (str(deployment.listener(name)) for name in ("web", "desk"))
        carries_lineage = run.cell.strategy == "read"
        seen = travel(Journey(web, desk, run.cell.rate, duration_s, warmup_s, CONNECTIONS, carries_lineage))
    counted = [one for one in seen if not one["is_warmup"]]
    found = row(counted)
    return Measured(found, counted, f"{found['violations']} of {found['outcomes']} travellers saw no refund")


def travel(journey: Journey) -> list[dict[str, Any]]:
    """Let travellers make the journey, in a process of their own; return what each of them saw."""
    timeout_s = START_TIMEOUT_S + journey.warmup_s + journey.duration_s + 2 * TIMEOUT_S + ASK_FOR_S
    command = [sys.executable, str(CLIENT), json.dumps(asdict(journey))]
    try:
        # In a session of its own, so that Ctrl-C reaches us alone, and we end it.
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=timeout_s, start_new_session=True, check=True
        )
    except subprocess.SubprocessError as error:
        raise WeaverError(
            f"the travellers did not come back: {type(error).__name__} (their error is above)."
        ) from error
    seen: list[dict[str, Any]] = json.loads(ended.stdout)
    return seen


def row(seen: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return numerators, denominators and percentiles. Whose cancellation failed, or was never shown, saw nothing."""
    known = [one for one in seen if not one["error"]]
    times = {
        "latency_ms": [one["cancel_ms"] for one in known],
        "enquiry_ms": [one["enquiry_ms"] for one in known],
        "window_ms": [one["window_ms"] for one in known],
    }
    return {
        "requests": len(seen),
        "errors": len(seen) - len(known),
        "violations": sum(not one["refunded"] for one in known),
        "stale": sum(one["asked"] > 1 for one in known),
        "outcomes": len(known),
        **{f"{name}_p{p}": percentile(values, p / 100) for name, values in times.items() for p in (50, 95)},
        "late_ms_max": max((one["late_ms"] for one in seen), default=None),
    }


def configured(config: Config, run: Run[Cell]) -> Config:
    """Return `config` with the strategy of `run`, and with its seed for all lags."""
    return replace(
        config,
        components={**config.components, "Cancel": {"strategy": run.cell.strategy}},
        antipode={name: replace(store, seed=run.seed) for name, store in config.antipode.items()},
    )
