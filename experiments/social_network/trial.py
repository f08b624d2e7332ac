"""One run: deploy the network with one strategy, have posts composed, then each of them edited; stop it.

Not in here: which runs there are and what is made of them (`run.py`).
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from records import Outcome
from social import SocialNetwork

import weaverlab as weaver
from weaverlab.config import Config
from weaverlab.deployers import Deployment
from weaverlab.experiment import Answer, Measured, Run, Warnings, Workload, generate, percentile
from weaverlab.experiment.sweep import Tell
from weaverlab.observe import Snapshot

POST = {
    "request_id": "{n}",
    "text": "Hello @u7 and @ann, post {n} is about https://example.org/{n} and https://example.net/{n}",
    "media": ["photo.jpg"],
}
EDIT = {**POST, "text": "Sorry, @u7, post {n} is about https://example.com/{n}", "media": ["better.jpg"]}
LOADS = {1: ("/posts", POST), 2: ("/edits", EDIT)}  # by the revision that comes of it
DRAIN_S = 10.0  # the barrier's own timeout: an outcome that is not there by then will not come
CONNECTIONS = 32


@dataclass(frozen=True)
class Cell:
    """What is measured: where posts are kept, what happens before a home timeline is written, requests a second."""

    store: str
    strategy: str
    rate: float


@dataclass(frozen=True)
class Load:
    """What came of one kind of request: the answers, without those of the warm-up, and the outcomes by request."""

    revision: int
    answers: Sequence[Answer]
    outcomes: Mapping[str, Mapping[str, Any]]

    @property
    def accepted(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.is_ok]

    @property
    def seen(self) -> list[Mapping[str, Any]]:
        """The outcomes of accepted requests; fewer than these when some did not come in time."""
        return [self.outcomes[str(answer.n)] for answer in self.accepted if str(answer.n) in self.outcomes]

    @property
    def violations(self) -> int:
        """How often a follower did not find what its home timeline showed: no post, or an older text."""
        return sum(outcome["found_revision"] < self.revision for outcome in self.seen)


@dataclass(frozen=True)
class Trial:
    """What came of a run. `deployment` has stopped, but its events are kept; `snapshot` shows it while it ran."""

    created: Load
    edited: Load
    deployment: Deployment
    snapshot: Snapshot

    def measured(self) -> Measured:
        """Return the row of this run and those of its requests."""
        row = self.row()
        said = f"of {row['posts']} posts {row['not_found']} were not found, of {row['edits']} edits {row['old_text']}"
        return Measured(row, [request for load in self._loads for request in _request_rows(load)], said)

    def row(self) -> dict[str, object]:
        """Return numerators, denominators and percentiles; times are of both kinds of requests together."""
        answers = [answer for load in self._loads for answer in load.answers]
        accepted = [answer for load in self._loads for answer in load.accepted]
        seen = [outcome for load in self._loads for outcome in load.seen]
        times = {
            "window_ms": [outcome["window_ms"] for outcome in seen],
            "waited_ms": [outcome["waited_ms"] for outcome in seen],
            "latency_ms": [answer.latency_ms for answer in accepted],
        }
        return {
            "requests": len(answers),
            "errors": len(answers) - len(accepted),
            "missing_outcomes": len(accepted) - len(seen),
            "not_found": self.created.violations,
            "posts": len(self.created.seen),
            "old_text": self.edited.violations,
            "edits": len(self.edited.seen),
            "incomplete": sum(bool(outcome["missing"]) for outcome in seen),
            "violations": self.created.violations + self.edited.violations,
            "outcomes": len(seen),
            **{f"{name}_p{p}": percentile(values, p / 100) for name, values in times.items() for p in (50, 95)},
            "late_ms_max": max((answer.late_ms for answer in answers), default=None),
            "lineage_bytes_max": max((outcome["lineage_bytes"] for outcome in seen), default=None),
            "dependencies_max": max((outcome["dependencies"] for outcome in seen), default=None),
        }

    @property
    def _loads(self) -> tuple[Load, Load]:
        return self.created, self.edited


def measure(run: Run[Cell], config: Config, duration_s: float, warmup_s: float, tell: Tell) -> Trial:
    """Carry out `run` on a deployment of its own, which has been stopped when this returns."""
    with weaver.deploy(SocialNetwork, config=config, show=Warnings().show) as deployment:
        url = f"http://{deployment.listener('web')}"

        def load(revision: int) -> Load:
            path, body = LOADS[revision]
            rate, seed = run.cell.rate, run.seed
            workload = Workload(
                url + path, rate, duration_s, json.dumps(body), warmup_s, seed=seed, connections=CONNECTIONS
            )
            tell(f"{path}, {rate:g} a second for {workload.total_s:g} s")
            answers = generate(workload)
            outcomes = _outcomes(url, revision, sum(answer.is_ok for answer in answers))
            return Load(revision, [answer for answer in answers if not answer.is_warmup], outcomes)

        created = load(1)
        _wait_replicated(deployment)
        edited = load(2)
        snapshot = deployment.status()
    return Trial(created, edited, deployment, snapshot)


def configured(config: Config, run: Run[Cell], graph: Path | None) -> Config:
    """Return `config` with the strategy of `run`, its seed for all lags and the graph, or the graph from a file."""
    components = config.components
    friends = {"edges": str(graph.resolve())} if graph else {**components["SocialGraph"], "seed": run.seed}
    strategy = run.cell.strategy
    written = {**components["WriteHomeTimeline"], "strategy": "none" if strategy == "none" else "barrier"}
    branches = {"joined": strategy != "unjoined"}
    changed = {"SocialGraph": friends, "WriteHomeTimeline": written, "Text": branches, "ComposePost": branches}
    return replace(
        config,
        components={**components, **changed},
        antipode={name: replace(store, seed=run.seed) for name, store in config.antipode.items()},
    )


def _outcomes(url: str, revision: int, count: int) -> dict[str, Mapping[str, Any]]:
    query = f"revision={revision}&count={count}&timeout_s={DRAIN_S}"
    with urllib.request.urlopen(f"{url}/outcomes?{query}", timeout=2 * DRAIN_S) as body:
        return {outcome["request_id"]: outcome for outcome in json.load(body)}


def _wait_replicated(deployment: Deployment) -> None:
    """Wait until all posts are visible in us: an edit of a post that is still under way would be seen as no post."""
    with weaver.request():
        deployment.get("PostStorageEU").touch()
        deployment.get("PostStorageUS").wait_visible()


OUTCOME_COLUMNS = tuple(field.name for field in fields(Outcome) if field.name not in ("request_id", "revision"))


def _request_rows(load: Load) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for answer in load.answers:
        outcome = {**load.outcomes.get(str(answer.n), {})}
        outcome["missing"] = " ".join(outcome.get("missing", []))
        row = {"revision": load.revision, **vars(answer)}
        rows.append(row | {column: outcome.get(column) for column in OUTCOME_COLUMNS})
    return rows
