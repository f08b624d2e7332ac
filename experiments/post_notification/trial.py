"""One run: deploy the application with one strategy, send it posts, wait for every outcome, stop it.

Not in here: which runs there are and what is made of them (`run.py`), and how the lag is measured (`lag.py`).
"""

from __future__ import annotations

import json
import math
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from app import App, Outcome
from lag import LagProbe

import weaverlab as weaver
from weaverlab.clock import unique_id
from weaverlab.config import Config
from weaverlab.deployers import Deployment
from weaverlab.experiment import Answer, Measured, Run, Warnings, Workload, generate, percentile
from weaverlab.experiment.sweep import Tell
from weaverlab.observe import Snapshot

BODY = '{"id": "RUN-{n}", "text": "Greetings from eu, for the {n}th time."}'
REPLICAS = 2  # of FollowerNotify, as weaver.toml says
HANDLING_S = 0.5  # far more than handling takes: consumers must not be the bottleneck of what is measured
DRAIN_S = 10.0  # the barrier's own timeout: an outcome that is not there by then will not come
OUTCOME_COLUMNS = tuple(field.name for field in fields(Outcome) if field.name not in ("post_id", "strategy"))


@dataclass(frozen=True)
class Cell:
    """What is measured: posts in `store`, what a reader does first, requests a second, and the writer's delay."""

    store: str
    strategy: str
    rate: float
    delay_ms: float


@dataclass(frozen=True)
class Trial:
    """What came of a run. `deployment` has stopped, but its events are kept; `snapshot` shows it while it ran."""

    answers: Sequence[Answer]  # without those of the warm-up
    outcomes: Mapping[int, Mapping[str, Any]]  # by number of the request
    lag: LagProbe
    deployment: Deployment
    snapshot: Snapshot

    @property
    def accepted(self) -> list[Answer]:
        """The requests that the application said yes to."""
        return [answer for answer in self.answers if answer.is_ok]

    @property
    def seen(self) -> list[Mapping[str, Any]]:
        """The outcomes of accepted posts; fewer than posts when some did not come in time."""
        return [self.outcomes[answer.n] for answer in self.accepted if answer.n in self.outcomes]

    def measured(self) -> Measured:
        """Return the row of this run and those of its requests."""
        row = self.row()
        said = f"{row['violations']} of {row['outcomes']} reads missed their post"
        return Measured(row, [self._request_row(answer) for answer in self.answers], said)

    def row(self) -> dict[str, object]:
        """Return numerators, denominators and percentiles."""
        times = {
            "window_ms": [outcome["window_ms"] for outcome in self.seen],
            "waited_ms": [outcome["waited_ms"] for outcome in self.seen],
            "latency_ms": [answer.latency_ms for answer in self.accepted],
            "lag_ms": self.lag.lags_ms,
        }
        return {
            "requests": len(self.answers),
            "errors": len(self.answers) - len(self.accepted),
            "missing_outcomes": len(self.accepted) - len(self.seen),
            "violations": sum(not outcome["found"] for outcome in self.seen),
            "outcomes": len(self.seen),
            **{f"{name}_p{p}": percentile(values, p / 100) for name, values in times.items() for p in (50, 95)},
            "lag_samples": len(self.lag.lags_ms),
            "lag_samples_lost": self.lag.lost,
            "late_ms_max": max((answer.late_ms for answer in self.answers), default=None),
            "lineage_bytes_max": max((outcome["lineage_bytes"] for outcome in self.seen), default=None),
            "dependencies_max": max((outcome["dependencies"] for outcome in self.seen), default=None),
        }

    def _request_row(self, answer: Answer) -> dict[str, object]:
        outcome = self.outcomes.get(answer.n, {})
        return {**vars(answer), **{column: outcome.get(column) for column in OUTCOME_COLUMNS}}


def measure(run: Run[Cell], config: Config, duration_s: float, warmup_s: float, sleep_ms: float, tell: Tell) -> Trial:
    """Carry out `run` on a deployment of its own, which has been stopped when this returns."""
    rate = run.cell.rate
    with weaver.deploy(App, config=configured(config, run, sleep_ms), show=Warnings().show) as deployment:
        deployment.start_main()
        url = f"http://{deployment.listener('web')}"
        mark = unique_id()  # real stores outlive a run: a post of an earlier one must not be found
        body = BODY.replace("RUN", mark)
        workload = Workload(f"{url}/posts", rate, duration_s, body, warmup_s, seed=run.seed, connections=64)
        ended: list[Answer] = []
        with LagProbe(deployment, mark) as lag:
            answers = generate(workload, lambda one: _ended(ended, one, workload, lag, tell))
        accepted = sum(answer.is_ok for answer in answers)
        wanted = f"{url}/outcomes?count={accepted}&timeout_s={DRAIN_S}"
        with urllib.request.urlopen(wanted, timeout=2 * DRAIN_S) as reply:
            ours = [outcome for outcome in json.load(reply) if outcome["post_id"].startswith(mark)]
        outcomes = {int(outcome["post_id"].rpartition("-")[2]): outcome for outcome in ours}
        snapshot = deployment.status()
    counted = [answer for answer in answers if not answer.is_warmup]
    return Trial(counted, outcomes, lag, deployment, snapshot)


def configured(config: Config, run: Run[Cell], sleep_ms: float) -> Config:
    """Return `config` with the strategy and the delay of `run`, and with its seed for the lags of all stores."""
    settings: dict[str, dict[str, Any]] = {
        "PostUpload": {"delay_ms": run.cell.delay_ms},
        "PostStorageUS": {"strategy": run.cell.strategy, "sleep_ms": sleep_ms},
        "FollowerNotify": {"consumers": max(8, math.ceil(run.cell.rate * HANDLING_S / REPLICAS))},
    }
    return replace(
        config,
        components={**config.components, **settings},
        antipode={name: replace(store, seed=run.seed) for name, store in config.antipode.items()},
    )


def _ended(ended: list[Answer], answer: Answer, workload: Workload, lag: LagProbe, tell: Tell) -> None:
    ended.append(answer)
    if not answer.is_warmup:
        lag.begin()
    tell(f"{len(ended)} of {workload.rate * workload.total_s:.0f}")
