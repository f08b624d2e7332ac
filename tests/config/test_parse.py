"""A weaver.toml that is right, and one fault of each kind that is not."""

from __future__ import annotations

import dataclasses
import pickle
from typing import get_args

import pytest

from tests.config.faults import fault_of, faults_of
from weaverlab.config import AntipodeConfig, Config, Lag, MultiSection, SingleSection, WeaverlabSection, parse
from weaverlab.config.values import StoreType
from weaverlab.errors import ConfigError

TYPES = [repr(one) for one in get_args(StoreType)]
WHOLE = """
[weaverlab]
app = "app.py"
call_timeout_s = 5

[listeners]
web = "127.0.0.1:8080"
admin = "localhost:0"

[multi]
replicas = { Reader = 2 }
colocate = [["App", "Feed"]]
start_method = "spawn"
restarts_max = 0
mtls = true

[multi.listeners]
web = "0.0.0.0:80"

[single.listeners]
debug = "[::1]:9"

[regions]
eu = ["App", "PostStorageEU"]
us = ["Reader"]

[antipode.posts]
type = "embedded-kv"
id = "posts-2"
regions = ["eu", "us"]
seed = 7
lag_ms = 100

[antipode.notifications]
type = "embedded-queue"

[PostStorageEU]
size = 3
"""


def test_every_section_becomes_a_frozen_value():
    config = parse(WHOLE, "here/weaver.toml")

    assert config.source == "here/weaver.toml"
    assert config.weaverlab == WeaverlabSection(app="app.py", call_timeout_s=5.0)
    assert config.regions == {"eu": ("App", "PostStorageEU"), "us": ("Reader",)}
    assert config.components == {"PostStorageEU": {"size": 3}}
    assert config.antipode["posts"] == AntipodeConfig(
        name="posts",
        type="embedded-kv",
        id="posts-2",
        regions=("eu", "us"),
        seed=7,
        links={("eu", "us"): Lag("constant", 100.0), ("us", "eu"): Lag("constant", 100.0)},
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.source = "other"


def test_listeners_of_a_deployer_go_before_those_of_all():
    config = parse(WHOLE)

    assert config.multi == MultiSection(
        replicas={"Reader": 2},
        colocate=(("App", "Feed"),),
        start_method="spawn",
        restarts_max=0,
        mtls=True,
        listeners={"web": "0.0.0.0:80", "admin": "localhost:0"},
    )
    assert config.single == SingleSection({"web": "127.0.0.1:8080", "admin": "localhost:0", "debug": "[::1]:9"})


def test_a_store_has_its_own_name_and_all_regions_unless_it_says_otherwise():
    notifications = parse(WHOLE).antipode["notifications"]

    assert (notifications.id, notifications.regions, notifications.seed) == ("notifications", ("eu", "us"), None)
    assert parse('[antipode.posts]\ntype = "embedded-kv"').antipode["posts"].regions == ("local",)


def test_nothing_written_means_all_defaults():
    config = parse("")

    assert config == Config()
    assert config.weaverlab.call_timeout_s == 30.0
    assert (config.multi.start_method, config.multi.restarts_max, config.multi.mtls) == ("forkserver", 5, False)


def test_a_component_lives_where_regions_says_or_in_the_local_one():
    config = parse(WHOLE)

    assert [config.region_of(name) for name in ("Reader", "App", "Feed")] == ["us", "eu", "local"]


def test_a_configuration_can_be_sent_to_a_child():
    config = parse(WHOLE)

    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[weaverlab]\napp = \n", "line 2, column 7: Invalid value. This is not TOML."),
        ("a = 1\na = 2\n", "line 2, column 6: Cannot overwrite a value. This is not TOML."),
        ("[a\n", "line 1, column 3: Expected ']' at the end of a table declaration. This is not TOML."),
        ("a = 'x", 'line 1, column 7: Expected "\'". This is not TOML.'),
        ("[b]\nc = [1,", "line 2, column 8: Invalid value. This is not TOML."),
    ],
)
def test_what_is_not_toml_is_located_by_line_and_column(text, fault):
    assert fault_of(text) == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "timeout = 3",
            "timeout: expected a section, saw 3. Keys stand below a section's header, such as [weaverlab].",
        ),
        ("weaverlab = 3", "[weaverlab]: expected a table (a section), saw int 3."),
        ("listeners = 3", "[listeners]: expected dict[str, str], saw int 3."),
        ("antipode = 3", "[antipode]: expected dict[str, Any], saw int 3."),
        ("antipode.posts = 3", "[antipode.posts]: expected a table (a section), saw int 3."),
        (
            "[weaverlab]\nap = 1",
            "[weaverlab] ap: unknown key. Did you mean 'app'? Known: app, barrier_faults, barriers, call_timeout_s, "
            "implementations, time_local_calls.",
        ),
        ("[weaverlab]\napp = 1", "[weaverlab] app: expected str, saw int 1."),
        ("[weaverlab]\ncall_timeout_s = 0", "[weaverlab] call_timeout_s: expected seconds above 0, saw 0.0."),
        ("[weaverlab]\ncall_timeout_s = nan", "[weaverlab] call_timeout_s: expected seconds above 0, saw nan."),
        ("[weaverlab]\ncall_timeout_s = true", "[weaverlab] call_timeout_s: expected float, saw bool True."),
        ("[multi]\nreplicas = { A = '2' }", "[multi] replicas.A: expected int, saw str '2'."),
        ("[multi]\nreplicas = { A = 0 }", "[multi] replicas.A: expected 1 or more, saw 0."),
        ("[multi]\nmtls = 'yes'", "[multi] mtls: expected bool, saw str 'yes'."),
        ("[multi]\nrestarts_max = -1", "[multi] restarts_max: expected 0 or more, saw -1."),
        ("[multi]\ncolocate = ['A']", "[multi] colocate[0]: expected list[str], saw str 'A'."),
        (
            "[multi]\ncolocate = [['A', 'B'], ['C', 'A']]",
            "[multi] colocate: A is listed 2 times, in group 1 and group 2; it has one place only.",
        ),
        (
            "[multi]\nstart_method = 'spwan'",
            "[multi] start_method: expected one of 'forkserver', 'spawn', saw str 'spwan'. Did you mean 'spawn'?",
        ),
        (
            "[multi.listeners]\nweb = '8080'",
            '[multi] listeners.web: expected "host:port", such as "127.0.0.1:8080", saw \'8080\'.',
        ),
        (
            "[single.listeners]\nweb = 'localhost:99999'",
            '[single] listeners.web: expected "host:port", such as "127.0.0.1:8080", saw \'localhost:99999\'.',
        ),
        (
            "[weaverlab]\nbarrier_faults = { drop = 1.5 }",
            "[weaverlab] barrier_faults: drop: expected a share from 0 to 1, saw 1.5.",
        ),
        (
            "[listeners]\nweb = 'localhost:http'",
            '[listeners] web: expected "host:port", such as "127.0.0.1:8080", saw \'localhost:http\'.',
        ),
        ("[regions]\neu = 'A'", "[regions] eu: expected list[str], saw str 'A'."),
        (
            "[regions]\neu = ['A']\nus = ['A']",
            "[regions]: A is listed 2 times, in eu and us; it has one place only.",
        ),
        ("[antipode.posts]", f"[antipode.posts] type: missing; expected {', '.join(TYPES[:-1])} or {TYPES[-1]}."),
        (
            "[antipode.posts]\ntype = 'embeded-kv'",
            f"[antipode.posts] type: expected one of {', '.join(TYPES)}, saw str 'embeded-kv'. "
            "Did you mean 'embedded-kv'?",
        ),
        (
            "[antipode.posts]\ntype = 'embedded-kv'\nseeed = 1",
            "[antipode.posts] seeed: unknown key. Did you mean 'seed'? Known: id, lag_ms, regions, seed, type.",
        ),
        (
            "[regions]\neu = []\n[antipode.posts]\ntype = 'embedded-kv'\nregions = ['eus']",
            "[antipode.posts] regions: 'eus' is not in [regions]. Did you mean 'eu'? Known: eu.",
        ),
    ],
)
def test_a_fault_names_section_key_what_was_expected_and_what_was_seen(text, fault):
    assert fault_of(text) == fault


def test_all_faults_are_reported_together():
    faults = faults_of("""
        x = 1
        [weaverlab]
        ap = 1
        call_timeout_s = -1
        [multi]
        replicas = { A = "two", B = 0 }
        start_method = "fork"
        restarts_max = -1
        [antipode.posts]
        type = "sqlite"
        seed = "x"
        lag_ms = -1
        [antipode.notifications]
        seed = "x"
    """)

    assert [fault.partition(":")[0] for fault in faults] == [
        "[weaverlab] ap",
        "[multi] replicas.A",
        "[multi] start_method",
        "[weaverlab] call_timeout_s",
        "[multi] restarts_max",
        "[antipode.posts] type",
        "[antipode.posts] seed",
        "[antipode.posts] lag_ms",
        "[antipode.notifications] seed",
        "[antipode.notifications] type",
        "x",
    ]


def test_a_fault_starts_with_the_file_it_is_in():
    with pytest.raises(ConfigError, match=r"^lab/weaver\.toml: \[multi\] restarts_max: expected int, saw str 'x'\.$"):
        parse("[multi]\nrestarts_max = 'x'", "lab/weaver.toml")
