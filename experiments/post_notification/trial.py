"""One trial: deploy the application with one strategy, send it posts, wait for every outcome, stop it.

Not in here: which trials there are and what is made of them (`run.py`).
"""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import weaverlab as weaver
from weaverlab.config import Config
from weaverlab.deployers import Deployment, format_entry
from weaverlab.experiment import Answer, Workload, generate, percentile
from weaverlab.observe import Snapshot, wilson

BODY = '{"id": "{n}", "text": "Greetings from eu, for the {n}th time."}'
DRAIN_S = 10.0  # the barrier's own timeout: an outcome that is not there by then will not come


@dataclass(frozen=True)
class Trial:
    """What to measure: a strategy, for how long, and for "sleep" how long each reader sleeps."""

    name: str
    strategy: str
    duration_s: float
    sleep_ms: float = 0.0


@dataclass(frozen=True)
class Measured:
    """What came of a trial. `deployment` has stopped, but its events are kept; `snapshot` shows it while it ran."""

    trial: Trial
    answers: list[Answer]  # without those of the warm-up
    outcomes: Mapping[str, Mapping[str, Any]]  # by post id
    deployment: Deployment
    snapshot: Snapshot

    @property
    def accepted(self) -> list[Answer]:
        """The requests that the application said yes to."""
        return [answer for answer in self.answers if answer.is_ok]

    @property
    def seen(self) -> list[Mapping[str, Any]]:
        """The outcomes of accepted posts; fewer than posts when some did not come in time."""
        return [self.outcomes[str(answer.n)] for answer in self.accepted if str(answer.n) in self.outcomes]

    @property
    def violations(self) -> int:
        return sum(not outcome["found"] for outcome in self.seen)

    def row(self) -> dict[str, object]:
        """Return the trial as one tidy row."""
        low, high = wilson(self.violations, len(self.seen))
        window = [outcome["window_ms"] for outcome in self.seen]
        waited = [outcome["waited_ms"] for outcome in self.seen]
        latency = [answer.latency_ms for answer in self.accepted]
        return {
            "trial": self.trial.name,
            "strategy": self.trial.strategy,
            "sleep_ms": self.trial.sleep_ms,
            "requests": len(self.answers),
            "errors": len(self.answers) - len(self.accepted),
            "missing_outcomes": len(self.accepted) - len(self.seen),
            "violations": self.violations,
            "outcomes": len(self.seen),
            "violation_share": self.violations / len(self.seen) if self.seen else None,
            "violation_low_95": low,
            "violation_high_95": high,
            "window_ms_p50": percentile(window, 0.50),
            "window_ms_p95": percentile(window, 0.95),
            "waited_ms_p50": percentile(waited, 0.50),
            "waited_ms_p95": percentile(waited, 0.95),
            "latency_ms_p50": percentile(latency, 0.50),
            "latency_ms_p95": percentile(latency, 0.95),
            "late_ms_max": max((answer.late_ms for answer in self.answers), default=None),
            "lineage_bytes_max": max((outcome["lineage_bytes"] for outcome in self.seen), default=None),
        }

    def request_rows(self) -> list[dict[str, object]]:
        """Return one row for each request, with the outcome of its post where there is one."""
        return [
            {"trial": self.trial.name, "sleep_ms": self.trial.sleep_ms, **vars(answer)}
            | {key: value for key, value in self.outcomes.get(str(answer.n), {}).items() if key != "post_id"}
            for answer in self.answers
        ]


def measure(
    trial: Trial,
    app: type,
    config: Config,
    rate: float,
    warmup_s: float,
    seed: int,
    on_answer: Callable[[Answer], object],
) -> Measured:
    """Carry out `trial` on a deployment of its own, which has been stopped when this returns."""
    with weaver.deploy(app, config=configured(config, trial, seed), show=_show_warnings) as deployment:
        deployment.start_main()
        url = f"http://{deployment.listener('web')}"
        workload = Workload(f"{url}/posts", rate, trial.duration_s, BODY, warmup_s, seed=seed)
        answers = generate(workload, on_answer)
        accepted = sum(answer.is_ok for answer in answers)
        with urllib.request.urlopen(
            f"{url}/outcomes?count={accepted}&timeout_s={DRAIN_S}", timeout=2 * DRAIN_S
        ) as body:
            outcomes = {outcome["post_id"]: outcome for outcome in json.load(body)}
        snapshot = deployment.status()
    counted = [answer for answer in answers if not answer.is_warmup]
    return Measured(trial, counted, outcomes, deployment, snapshot)


def configured(config: Config, trial: Trial, seed: int) -> Config:
    """Return `config` with the strategy of `trial`, and with `seed` for the lags of all stores."""
    settings = {"strategy": trial.strategy, "sleep_ms": trial.sleep_ms}
    return replace(
        config,
        components={**config.components, "PostStorageUS": settings},
        antipode={name: replace(store, seed=seed) for name, store in config.antipode.items()},
    )


def _show_warnings(entry: dict[str, Any]) -> None:
    if entry["level"] != "INFO":
        print(format_entry(entry, colours=False), file=sys.stderr)
