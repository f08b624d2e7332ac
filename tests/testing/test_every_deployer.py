"""`every_deployer`, tried as its users do: in a project of their own, with a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import weaverlab.testing
from weaverlab.testing import every_deployer

pytestmark = pytest.mark.usefixtures("no_process_left")

DEPLOYERS = ("single", "rpc", "multi")

APP = """
import asyncio, os, subprocess, threading
import weaverlab as weaver
from weaverlab import Component, Implements, Interface, Ref, WithConfig
import weaverlab.testing
from weaverlab.testing import every_deployer
from dataclasses import dataclass

class Clock(Interface):
    def now_s(self) -> float: ...

class Sundial(Implements[Clock]):
    def now_s(self) -> float:
        raise RuntimeError("the sun does not shine")

class FakeClock:
    def now_s(self):
        return 7200.0

@dataclass
class Settings:
    size: int = 1

class Shop(Component, WithConfig[Settings]):
    clock: Ref[Clock]

    def init(self):
        self.sold = 0

    def hour(self) -> int:
        return int(self.clock.now_s() // 3600) + self.config.size

    def sell(self) -> int:
        self.sold += 1
        return self.sold

    def pid(self) -> int:
        return os.getpid()

    async def twice(self, number: int) -> int:
        return 2 * number
"""


def run_pytest(folder: Path, tests: str, *options: str) -> tuple[dict[str, str], str]:
    """Return the outcome of each test of a file, and what pytest says."""
    (folder / "test_shop.py").write_text(APP + tests)
    environ = {**os.environ, "PYTHONPATH": os.getcwd(), "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--rootdir", str(folder), *options, "."]
    done = subprocess.run(command, cwd=folder, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    words = (line.split() for line in done.stdout.splitlines())
    outcomes = {w[1].partition("::")[2]: w[0] for w in words if len(w) > 1 and w[0] in ("PASSED", "FAILED", "ERROR")}
    return outcomes, done.stdout


def test_a_test_runs_under_every_deployer_with_config_text_and_fakes(tmp_path: Path) -> None:
    outcomes, said = run_pytest(
        tmp_path,
        """
@every_deployer
def test_hour(deploy, tmp_path):
    app = deploy(Shop, config="[Shop]\\nsize = 3", fakes={Clock: FakeClock()})

    assert app.get(Shop).hour() == 5
    assert (app.get(Shop).pid() == os.getpid()) == (deploy.deployer != "multi")

class TestInAClass:
    @every_deployer
    def test_hour(self, deploy):
        assert deploy(Shop, fakes={Clock: FakeClock()}).get(Shop).hour() == 3
""",
    )

    names = [f"{name}[{deployer}]" for name in ("test_hour", "TestInAClass::test_hour") for deployer in DEPLOYERS]
    assert outcomes == dict.fromkeys(names, "PASSED"), said


def test_what_is_not_idempotent_fails_under_rpc(tmp_path: Path) -> None:
    outcomes, said = run_pytest(
        tmp_path,
        """
@every_deployer
def test_sell(deploy):
    assert deploy(Shop, fakes={Clock: FakeClock()}).get(Shop).sell() == 1
""",
    )

    assert outcomes == {
        "test_sell[single]": "PASSED",
        "test_sell[rpc]": "FAILED",
        "test_sell[multi]": "PASSED",
    }, said


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_async_tests_work_beside_pytest_asyncio(tmp_path: Path, mode: str) -> None:
    outcomes, said = run_pytest(
        tmp_path,
        """
import pytest

@pytest.mark.asyncio
@every_deployer
async def test_twice(deploy):
    shop = deploy(Shop, fakes={Clock: FakeClock()}).get(Shop)

    assert await asyncio.gather(*(shop.twice(n) for n in range(3))) == [0, 2, 4]
""",
        "--asyncio-mode",
        mode,
    )

    assert outcomes == {f"test_twice[{deployer}]": "PASSED" for deployer in DEPLOYERS}, said


def test_what_a_test_leaves_behind_fails_it_by_name(tmp_path: Path) -> None:
    outcomes, said = run_pytest(
        tmp_path,
        """
import socket

import functools
from weaverlab.testing import every
every.nothing_left = functools.partial(every.nothing_left, patience_s=0.1)
KEPT = []

@every_deployer
def test_process(deploy):
    KEPT.append(subprocess.Popen(["sleep", "3600"]))

@every_deployer
def test_socket(deploy):
    KEPT.append(socket.create_server(("127.0.0.1", 0)))

@every_deployer
def test_deployment(deploy):
    if deploy.deployer == "multi":
        KEPT.append(weaver.deploy(Shop, fakes={Clock: FakeClock()}))

@every_deployer
def test_own_failure_comes_first(deploy):
    KEPT.append(subprocess.Popen(["sleep", "3600"]))
    raise ValueError("my own")
""",
    )

    passed = [name for name, outcome in outcomes.items() if outcome == "PASSED"]
    assert passed == ["test_deployment[single]", "test_deployment[rpc]"], said
    for words in (": sleep 3600", "socket listening at 127.0.0.1:", "thread weaverlab-supervisor", "directory /"):
        assert words in said
    assert "ValueError: my own" in said


def test_a_test_without_the_argument_is_told_so_at_once() -> None:
    with pytest.raises(TypeError, match=r"takes no argument `deploy`. Write `def test_shop\(deploy\)`"):

        @every_deployer
        def test_shop(application):  # type: ignore[no-untyped-def]
            pass


def test_without_pytest_the_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytest", None)

    with pytest.raises(ImportError, match=r"needs pytest. Install it: pip install 'weaverlab\[testing\]'"):
        from weaverlab.testing import nothing_left  # noqa: F401


def test_a_misspelt_name_leads_to_the_right_one() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'every_deplyer'. Did you mean 'every_deployer'"):
        weaverlab.testing.every_deplyer  # noqa: B018
