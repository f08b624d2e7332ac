"""Train Ticket: what travellers see at the desk of another region, asked over HTTP as they would."""

from __future__ import annotations

import importlib
import json
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import weaverlab as weaver
from tests.experiments.command_line import run_briefly
from weaverlab.config import Config, Lag
from weaverlab.deployers import Deployment, load_config, load_main
from weaverlab.errors import ConfigError

pytestmark = pytest.mark.usefixtures("no_process_left")

FOLDER = Path(__file__).parents[2] / "experiments/train_ticket"
TICKETS = 6


def configured(strategy: str, slow: bool) -> Config:
    """Return the experiment's configuration with `strategy`; if `slow`, refunds take half a second to us."""
    config = load_config(FOLDER / "weaver.toml")
    lag = Lag("constant", 500.0) if slow else config.antipode["payments"].lag("eu", "us")
    payments = replace(config.antipode["payments"], links={("eu", "us"): lag, ("us", "eu"): lag})
    settings = {**config.components, "Cancel": {"strategy": strategy}}
    return replace(config, components=settings, antipode={**config.antipode, "payments": payments})


def deployed(strategy: str, deployer: Any = "single", slow: bool = False) -> Deployment:
    app, config = load_main(FOLDER / "train.py"), configured(strategy, slow)
    return weaver.deploy(app, deployer=deployer, config=config, show=lambda entry: None)


def travel(app: Deployment, carries_lineage: bool = False) -> list[Any]:
    """Let travellers cancel their tickets, and return what they saw."""
    client = importlib.import_module("client")
    web, desk = (str(app.listener(name)) for name in ("web", "desk"))
    return list(client.travel(client.Journey(web, desk, 50.0, TICKETS / 50, 0.0, 4, carries_lineage)))


@pytest.mark.parametrize("deployer", ["single", "multi"])
def test_without_a_barrier_a_traveller_sees_a_cancelled_ticket_and_no_refund(deployer):
    with deployed("none", deployer, slow=True) as app:
        seen = travel(app)

    assert [(one.error, one.refunded) for one in seen] == TICKETS * [("", False)]
    assert min(one.window_ms for one in seen) > 400  # then the refund came


@pytest.mark.parametrize("deployer", ["single", "multi"])
@pytest.mark.parametrize("strategy", ["cancel", "read"])
def test_with_a_barrier_at_either_side_the_refund_is_there_at_the_first_look(strategy, deployer):
    with deployed(strategy, deployer) as app:
        seen = travel(app, carries_lineage=strategy == "read")

    assert [(one.error, one.asked, one.refunded) for one in seen] == TICKETS * [("", 1, True)]


def test_a_barrier_that_does_not_wait_for_the_branch_shows_the_cancellation_and_still_no_refund():
    with deployed("careless", slow=True) as app:
        seen = travel(app)

    # The first look was not too early for the order's own write, which the barrier did wait for.
    assert [(one.asked, one.refunded) for one in seen] == TICKETS * [(1, False)]


def test_a_barrier_at_the_reader_needs_the_lineage():
    with deployed("read", slow=True) as app:
        seen = travel(app, carries_lineage=False)

    assert not any(one.refunded for one in seen)


def test_what_goes_wrong_is_no_observation():
    with deployed("none") as app:
        client = importlib.import_module("client")
        web, desk = (str(app.listener(name)) for name in ("web", "desk"))
        traveller = client.Traveller(client.Journey(web, desk, 50.0, 1.0, 0.0, 1, False))
        seen = traveller.go(99, 0.0)  # a ticket that nobody bought
        traveller.leave()

    assert "HTTP 404" in seen.error
    assert not seen.refunded


@pytest.mark.parametrize("query", ["", "?id=1&lineage=xyz", "?id=1&lineage=00ff"])
def test_an_enquiry_that_makes_no_sense_is_refused(query):
    with deployed("none") as app, pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{app.listener('desk')}/orders{query}", timeout=10)

    with refused.value as answer:
        assert answer.code == 400
        assert json.load(answer)["error"]


def test_a_strategy_that_does_not_exist_is_a_fault_of_the_configuration():
    with pytest.raises(ConfigError, match=r"\[Cancel\] strategy"):
        deployed("barrier")


@pytest.mark.slow
def test_the_command_line_measures_draws_and_records(tmp_path):
    results, out = run_briefly("train_ticket", tmp_path)

    assert out == f"{results.report()}\n"
    assert len(results.rows) == 4 and not results.failures
    assert sum(results.values("errors")) == 0
    violations = {row["strategy"]: row["violations"] for row in results.rows}
    assert violations["cancel"] == violations["read"] == 0 < violations["careless"] + violations["none"]
    assert (tmp_path / "window.png").read_bytes().startswith(b"\x89PNG")
