"""The main job: what its readers find under each strategy, wherever its components run."""

from __future__ import annotations

import json
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

import weaverlab as weaver
from tests.experiments.command_line import run_briefly
from weaverlab import experiment
from weaverlab.config import Config
from weaverlab.deployers import Deployment, load_config, load_main
from weaverlab.errors import ConfigError
from weaverlab.observe import requests, violations

pytestmark = pytest.mark.usefixtures("no_process_left")

TOP = Path(__file__).parents[2]
POSTS = 5


def configured(strategy: str, sleep_ms: float = 0.0) -> Config:
    config = load_config(TOP / "weaver.toml")
    settings = {"strategy": strategy, "sleep_ms": sleep_ms}
    return replace(config, components={**config.components, "PostStorageUS": settings})


def deployed(deployer: Any, config: Config, show: Any = lambda entry: None) -> Deployment:
    return weaver.deploy(load_main(TOP / config.weaverlab.app), deployer=deployer, config=config, show=show)


def post(app: Deployment, body: object) -> Any:
    url = f"http://{app.listener('web')}/posts"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=10) as answer:
        return json.load(answer)


def outcomes(app: Deployment, count: int) -> list[dict[str, Any]]:
    url = f"http://{app.listener('web')}/outcomes?count={count}&timeout_s=10"
    with urllib.request.urlopen(url, timeout=20) as answer:
        found: list[dict[str, Any]] = json.load(answer)
        return found


def publish(app: Deployment) -> list[dict[str, Any]]:
    """Publish a few posts, one after the other, and return what became of them."""
    for n in range(POSTS):
        post(app, {"id": f"p{n}", "text": "hello"})
    return outcomes(app, POSTS)


@pytest.mark.parametrize("deployer", ["single", "multi"])
@pytest.mark.parametrize("strategy", ["none", "sleep", "barrier"])
def test_readers_find_every_post_when_they_wait_long_enough_and_miss_some_when_they_do_not(deployer, strategy):
    with deployed(deployer, configured(strategy, sleep_ms=110)) as app:
        seen = publish(app)
        events = app.events()

    assert sorted(outcome["post_id"] for outcome in seen) == [f"p{n}" for n in range(POSTS)]
    missed = [outcome for outcome in seen if not outcome["found"]]
    assert bool(missed) == (strategy == "none")
    assert len(requests(events)) == POSTS
    assert len(violations(events)) == len(missed)


def test_a_barrier_waits_for_the_lag_and_a_safe_sleep_for_longer():
    medians_ms = {}
    for strategy in ("sleep", "barrier"):
        with deployed("single", configured(strategy, sleep_ms=110)) as app:
            medians_ms[strategy] = median(outcome["window_ms"] for outcome in publish(app))

    # A window begins when the write has returned, so it may be shorter than the lag by the time of one call.
    assert 55 < medians_ms["barrier"] < 125 < medians_ms["sleep"]


def test_a_notification_carries_two_dependencies_in_a_few_bytes():
    with deployed("single", configured("none")) as app:
        sizes = {outcome["lineage_bytes"] for outcome in publish(app)}

    assert 0 < max(sizes) <= 2 * 32


@pytest.fixture(scope="module")
def app() -> Iterator[Deployment]:
    with deployed("single", configured("barrier")) as deployment:
        yield deployment


def test_main_says_where_it_is_open_and_ends_when_the_deployment_stops():
    said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    with deployed("single", configured("none"), show=said.put) as app:
        body = threading.Thread(target=app.run_main, daemon=True)
        body.start()
        message = said.get(timeout=10)["message"]

    body.join(timeout=10)

    assert message == f"open at http://{app.status().listeners[0].address}/posts; 8 consumers follow"
    assert not body.is_alive()


@pytest.mark.parametrize("body", [{}, {"id": "p"}, [], "x"])
def test_a_body_that_is_no_post_is_a_bad_request(app, body):
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(app, body)

    with refused.value as answer:
        assert answer.code == 400
        assert "expected" in json.load(answer)["error"]


@pytest.mark.parametrize(("path", "code"), [("/post", 404), ("/outcomes?count=many", 400)])
def test_a_wrong_path_or_query_is_an_error_and_not_a_hang(app, path, code):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{app.listener('web')}{path}", timeout=10)

    with refused.value as answer:
        assert answer.code == code


def test_outcomes_are_given_after_the_timeout_even_when_there_are_too_few(app):
    url = f"http://{app.listener('web')}/outcomes?count=1000&timeout_s=0.05"

    with urllib.request.urlopen(url, timeout=10) as answer:
        assert len(json.load(answer)) < 1000


def test_a_strategy_that_does_not_exist_is_a_fault_of_the_configuration():
    with pytest.raises(ConfigError, match=r"\[PostStorageUS\] strategy"):
        deployed("single", configured("barier"))


def assert_only_barriers_and_sleeps_help(results: experiment.Results) -> None:
    assert len(results.rows) == 3 and not results.failures
    assert sum(results.values("errors")) + sum(results.values("missing_outcomes")) == 0
    assert sum(results.where(strategy="barrier").values("violations")) == 0
    assert sum(results.where(strategy="none").values("violations")) > 0
    assert min(results.values("lag_ms_p50")) > 55


@pytest.mark.slow
def test_the_command_line_measures_draws_and_records(tmp_path):
    results, out = run_briefly("post_notification", tmp_path, "--delay", "0")

    assert_only_barriers_and_sleeps_help(results)
    assert out == f"{results.report()}\n"
    for name in ("window", "callgraph", "lineage_violated", "lineage_healthy"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / f"{name}.svg").read_text(encoding="utf-8")


@pytest.mark.slow
def test_posts_in_real_servers_behave_alike(tmp_path):
    results, _ = run_briefly("post_notification", tmp_path, "--delay", "0", "--store", "redis")

    assert_only_barriers_and_sleeps_help(results)
    assert results.manifest["servers"]["redis"]["version"].count(".") == 2
