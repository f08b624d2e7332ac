"""The social network: what followers find, and what becomes of a lineage at the fan-in of six branches."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import weaverlab as weaver
from tests.experiments.command_line import run_briefly
from weaverlab.antipode import Lineage
from weaverlab.config import Config, Lag
from weaverlab.deployers import Deployment, load_config, load_main
from weaverlab.errors import ConfigError, DeployError

pytestmark = pytest.mark.usefixtures("no_process_left")

FOLDER = Path(__file__).parents[2] / "experiments/social_network"
POSTS = 5
FAST, SLOW, NEVER = Lag("constant", 2.0), Lag("constant", 250.0), Lag("constant", 600_000.0)
PARTS = {"urls": "url", "mentions": "mention", "media": "media", "ids": "id", "users": "author"}


def configured(strategy: str, lags: dict[str, Lag] | None = None, joined: bool = True) -> Config:
    """Return the experiment's configuration with `strategy`, with other lags for some stores, and branches unjoined."""
    config = load_config(FOLDER / "weaver.toml")
    stores = {
        name: replace(config.antipode[name], links={("eu", "us"): lag, ("us", "eu"): lag})
        for name, lag in (lags or {}).items()
    }
    branches = {"joined": joined}
    changed = {"WriteHomeTimeline": {"strategy": strategy}, "Text": branches, "ComposePost": branches}
    settings = {**config.components, **changed}
    return replace(config, components=settings, antipode={**config.antipode, **stores})


def deployed(config: Config, deployer: Any = "single") -> Deployment:
    return weaver.deploy(load_main(FOLDER / "social.py"), deployer=deployer, config=config, show=lambda entry: None)


def send(app: Deployment, path: str, number: int, text: str) -> str:
    body = {"request_id": str(number), "text": text, "media": ["cat.png"]}
    url = f"http://{app.listener('web')}{path}"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=10) as answer:
        return str(json.load(answer)["id"])


def outcomes(app: Deployment, revision: int, count: int) -> list[dict[str, Any]]:
    query = f"revision={revision}&count={count}&timeout_s=10"
    with urllib.request.urlopen(f"http://{app.listener('web')}/outcomes?{query}", timeout=20) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    assert len(found) == count
    return found


def post(app: Deployment, number: int) -> str:
    return send(app, "/posts", number, f"Hello @ann, see https://example.org/{number}")


def wait_replicated(app: Deployment) -> None:
    """Wait until all posts are visible in us."""
    with weaver.request():
        app.get("PostStorageEU").touch()
        app.get("PostStorageUS").wait_visible()


@pytest.mark.parametrize("deployer", ["single", "multi"])
def test_without_a_barrier_followers_miss_posts_and_edits(deployer):
    with deployed(configured("none", {"posts": Lag("constant", 500.0)}), deployer) as app:
        for number in range(POSTS):
            post(app, number)
        created = outcomes(app, 1, POSTS)
        wait_replicated(app)
        for number in range(POSTS):
            send(app, "/edits", number, "No, @bob.")
        edited = outcomes(app, 2, POSTS)

    assert [outcome["found_revision"] for outcome in created] == POSTS * [0]
    assert [outcome["found_revision"] for outcome in edited] == POSTS * [
        1
    ]  # an old text, and a timeline that knows better


@pytest.mark.parametrize("deployer", ["single", "multi"])
def test_with_a_barrier_they_find_every_post_every_edit_and_all_that_it_refers_to(deployer):
    with deployed(configured("barrier"), deployer) as app:
        for number in range(POSTS):
            post(app, number)
        created = outcomes(app, 1, POSTS)
        for number in range(POSTS):
            send(app, "/edits", number, "No, @bob, see https://example.org")
        edited = outcomes(app, 2, POSTS)

    assert [outcome["found_revision"] for outcome in created + edited] == POSTS * [1] + POSTS * [2]
    assert all(outcome["missing"] == [] for outcome in created + edited)


@pytest.mark.parametrize("store", PARTS)
def test_a_barrier_waits_for_what_each_branch_wrote_because_the_branches_are_joined(store):
    with deployed(configured("barrier", dict.fromkeys([*PARTS, "posts"], FAST) | {store: SLOW})) as app:
        post(app, 1)

        [outcome] = outcomes(app, 1, 1)

    assert outcome["missing"] == []
    assert outcome["window_ms"] > 100


@pytest.mark.parametrize("store", PARTS)
def test_without_the_join_it_is_forgotten(store):
    lags = dict.fromkeys([*PARTS, "posts"], FAST) | {store: NEVER}
    with deployed(configured("barrier", lags, joined=False)) as app:
        post(app, 1)

        [outcome] = outcomes(app, 1, 1)

    assert outcome["found_revision"] == 1  # the post itself was not written in a branch
    assert outcome["missing"] == [PARTS[store]]


def test_a_composed_post_depends_on_its_parts_the_post_and_what_was_told_in_few_bytes():
    with deployed(configured("none")) as app:
        records = importlib.import_module("records")
        draft = records.Draft("1", "u1", "Hello @ann, see https://example.org", ["cat.png"])
        with weaver.request():
            app.get("ComposePost").compose(draft)
            lineage = Lineage.unpack(weaver.get_lineage())

    assert {one.store for one in lineage} == {*PARTS, "posts", "announcements", "user_timelines"}
    assert len(lineage.pack()) <= 32 * len(lineage)


def test_a_home_timeline_shows_an_edit_in_its_posts_place_and_never_goes_back():
    load_main(FOLDER / "social.py")
    entry, updated = importlib.import_module("records").Entry, importlib.import_module("timelines").updated
    before = [entry("new", 1), entry("old", 2)]

    assert updated(before, entry("newest", 1)) == [entry("newest", 1), *before]
    assert updated(before, entry("old", 3)) == [entry("new", 1), entry("old", 3)]
    assert updated(before, entry("old", 1)) == before


def test_an_edit_of_a_post_that_nobody_made_is_not_found():
    with deployed(configured("none")) as app, pytest.raises(urllib.error.HTTPError) as refused:
        send(app, "/edits", 7, "What?")

    with refused.value as answer:
        assert answer.code == 404


def test_a_graph_from_a_file_says_who_follows_whom_and_a_bad_one_is_a_fault(tmp_path):
    file = tmp_path / "edges.txt"
    file.write_text("1 2\n2 3\n")
    config = configured("none")
    from_file = replace(config, components={**config.components, "SocialGraph": {"edges": str(file)}})

    with deployed(from_file) as app:
        assert app.get("SocialGraph").followers("u1") == ["u0", "u2"]
    file.write_text("1 2\n2\n")
    with pytest.raises((ConfigError, DeployError), match="line 2"):
        deployed(from_file)


@pytest.mark.slow
def test_the_command_line_measures_draws_and_records(tmp_path):
    results, out = run_briefly("social_network", tmp_path)

    assert out == f"{results.report()}\n"
    assert len(results.rows) == 3 and not results.failures
    assert sum(results.values("errors")) + sum(results.values("missing_outcomes")) == 0
    assert sum(results.where(strategy="barrier").values("violations")) == 0
    assert sum(results.where(strategy="barrier").values("incomplete")) == 0
    assert sum(results.where(strategy="unjoined").values("violations")) == 0
    assert sum(results.where(strategy="none").values("violations")) > 0
    assert {request["revision"] for request in results.requests()} == {1, 2}
    for name in ("window", "callgraph"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_bad_graph_is_told_in_full_before_anything_starts(tmp_path):
    file = tmp_path / "edges.txt"
    file.write_text("1 2\nann bob\n3\n")
    command = [sys.executable, "-m", "weaverlab.cli", "experiment", "run", "social_network"]

    ended = subprocess.run(
        [*command, "--graph", str(file), "--output", str(tmp_path / "out")],
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert ended.returncode == 2
    assert "line 2" in ended.stderr and "line 3" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "out/results.json").exists()
