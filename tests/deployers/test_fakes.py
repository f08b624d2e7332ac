"""Fakes: objects of a test that answer for components, wherever those would run."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

import weaverlab as weaver
from tests.apps.clocked import Alarm, AtomicClock, Bank, Clock
from weaverlab import Antipode, Component, Implements, Interface, Listener, Main, Ref, WithConfig
from weaverlab.config import parse
from weaverlab.deployers.version import DeployerName
from weaverlab.errors import ConfigError, DeclarationError, StoppedError
from weaverlab.testing.processes import started_processes, wait_gone

pytestmark = pytest.mark.usefixtures("no_process_left")


class Overdrawn(Exception):
    pass


class FakeClock(Clock):
    def __init__(self) -> None:
        self.seconds = 0.0
        self.asked: list[tuple[object, ...]] = []

    def now_s(self) -> float:
        return self.seconds

    def add(self, *names: str, zone: str = "UTC", **notes: str) -> str:
        self.asked.append((names, zone, notes))
        return "noted"

    async def wait(self, seconds: float) -> float:
        await asyncio.sleep(0)
        self.seconds += seconds
        return self.seconds


class FakeBank:
    def __init__(self) -> None:
        self.payers: set[int] = set()
        self.balance = 100

    def pay(self, amount: int, to: str) -> int:
        if amount > self.balance:
            raise Overdrawn(amount, to)
        self.payers.add(os.getpid())
        return self.balance - amount


class World:
    """A deployment with fakes, which a test can look into."""

    def __init__(self, deployer: Any) -> None:
        self.clock, self.bank = FakeClock(), FakeBank()
        self.app = weaver.deploy(Alarm, deployer=deployer, fakes={Clock: self.clock, Bank: self.bank})
        self.alarm = self.app.get(Alarm)


@pytest.fixture(params=["single", "rpc", "multi"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(request.param)
    with world.app:
        yield world


def test_refs_lead_to_the_objects_of_the_test_and_what_is_behind_them_is_not_started(world: World) -> None:
    world.clock.seconds = 7200.0

    assert world.alarm.hour() == 2
    assert world.alarm.bill(30) == 70
    assert world.alarm.notes() == "noted"
    assert world.clock.asked[-1] == (("a", "b"), "CET", {"day": "Monday"})
    assert world.bank.payers == {os.getpid()}
    assert [replica.components for replica in world.app.replicas()] == [("Alarm",)]
    assert {component.name for component in world.app.status().components} == {"Alarm", "Clock", "Bank"}


def test_async_methods_and_exceptions_of_fakes_behave_like_those_of_components(world: World) -> None:
    woken_s = asyncio.run(world.alarm.snooze(5.0))

    assert woken_s == world.clock.seconds > 0.0
    with pytest.raises(Overdrawn) as raised:
        world.alarm.bill(1000)
    assert raised.value.args == (1000, "nobody")


def test_a_fake_is_looked_at_when_it_is_called_so_a_test_may_change_it(world: World) -> None:
    world.clock.now_s = lambda: 10_800.0  # type: ignore[method-assign]

    assert world.alarm.hour() == 3


def test_after_stop_a_call_of_a_fake_says_so(world: World) -> None:
    clock = world.app.get(Clock)
    world.app.stop()

    with pytest.raises(StoppedError, match=r"cannot call Clock, a fake: its deployment has been stopped"):
        clock.now_s()


def test_the_pictures_show_a_fake_like_a_component(world: World) -> None:
    with weaver.request() as trace:
        world.alarm.hour()

    assert "Clock" in str(world.app.callgraph())
    assert "Clock" in str(world.app.lineage(trace))


def test_a_weavelet_that_was_started_again_finds_the_fakes() -> None:
    world = World("multi")
    with world.app:
        first = world.alarm.pid()
        os.kill(first, signal.SIGKILL)

        assert world.alarm.bill(1) == 99
        assert world.alarm.pid() != first


def test_a_deployer_that_is_killed_leaves_no_socket_of_its_fakes(tmp_path: Path) -> None:
    script = tmp_path / "deploys.py"
    script.write_text(
        "import sys\n"
        "from tests.deployers.test_fakes import World\n"
        "print(World('multi').app.replicas()[0].address, flush=True)\n"
        "sys.stdin.read()\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.getcwd()}
    before = started_processes()
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
    ) as deployer:
        assert deployer.stdout is not None
        folder = Path(deployer.stdout.readline().decode().strip().removeprefix("unix:")).parent
        had_sockets = {path.name for path in folder.iterdir()}

        deployer.kill()

    assert "door.sock" in had_sockets
    assert wait_gone(before, timeout_s=10.0) == set()
    assert not folder.exists()


def test_a_new_version_has_the_same_fakes() -> None:
    world = World("multi")
    with world.app:
        world.app.redeploy()
        world.clock.seconds = 3600.0

        assert world.alarm.hour() == 1


def test_a_mock_with_the_interface_as_its_specification_is_a_fake() -> None:
    clock = create_autospec(Clock, instance=True)
    clock.now_s.return_value = 3600.0

    with weaver.deploy(Alarm, deployer="rpc", fakes={Clock: clock, Bank: FakeBank()}) as app:
        assert app.get(Alarm).hour() == 1

    clock.now_s.assert_called_with()


class Wrong(Clock):
    """Derives from the interface, but misspells, forgets and confuses its methods."""

    def now(self) -> float:
        return 0.0

    def wait(self, seconds: float) -> float:  # type: ignore[override]
        return seconds

    def add(self, names: str) -> str:  # type: ignore[override]
        return names


class Miser:
    async def pay(self, amount: int) -> int:
        return amount


class Body(Main):
    alarm: Ref[Alarm]

    def main(self) -> None: ...


class Unused(Component):
    def do(self) -> None: ...


def test_all_faults_of_fakes_are_reported_at_once_and_before_anything_starts() -> None:
    with pytest.raises(DeclarationError) as wrong:
        weaver.deploy(Body, fakes={Clock: Wrong(), Bank: Miser(), Unused: Unused(), int: 3, Body: object()})

    assert sorted(wrong.value.faults) == [
        "fakes: Bank: Miser.pay is `async def`, but Bank says otherwise. Write `def pay(self, amount, to='nobody')`.",
        "fakes: Body is a Main, which nobody calls. Fake what it calls, or deploy something else.",
        "fakes: Clock: Wrong has no method 'now_s'. Did you mean 'now'? Write `def now_s(self)`.",
        "fakes: Clock: Wrong.add takes (names: 'str') -> 'str', but is called as Clock says: "
        "`def add(self, *names, zone='UTC', **notes)`.",
        "fakes: Clock: Wrong.wait is `def`, but Clock says otherwise. Write `async def wait(self, seconds)`.",
        "fakes: int is neither an interface nor a component class, so no ref can ask for it.",
        "fakes: no ref of this application leads to Unused. Refs lead to: Alarm, Bank, Clock.",
    ]


@pytest.mark.parametrize(
    ("fakes", "fault"),
    [
        ([FakeClock()], r"fakes: expected a dict such as \{Clock: FakeClock\(\)\}, saw \["),
        ({"Clock": FakeClock()}, "fakes: 'Clock' is a name; pass the interface or the component class itself"),
        ({Clock: FakeClock}, r"Clock: FakeClock is a class; pass an object of it: FakeClock\(\)"),
    ],
)
def test_what_is_no_fake_is_named_with_what_would_be_one(fakes: Any, fault: str) -> None:
    with pytest.raises(DeclarationError, match=fault):
        weaver.deploy(Alarm, fakes=fakes)


# What the file of the application says of what a fake replaces


class Shelf(Interface):
    def look(self) -> str: ...


class WoodenShelf(Implements[Shelf], Shelf):
    def look(self) -> str:
        return "wood"


class SteelShelf(Implements[Shelf], Shelf):
    def look(self) -> str:
        return "steel"


@dataclass
class CellarSettings:
    degrees: int


class Cellar(Component, WithConfig[CellarSettings]):
    shelf: Ref[Shelf]
    bottles: Antipode
    door: Listener

    def look(self) -> str:
        return self.shelf.look()


class Waiter(Component):
    cellar: Ref[Cellar]

    def ask(self) -> str:
        return self.cellar.look()


class FakeCellar:
    def look(self) -> str:
        return "nothing"


RESTAURANT = """
[weaverlab]
implementations = { Shelf = "SteelShelf" }

[listeners]
door = "127.0.0.1:1"

[multi]
replicas = { Cellar = 2, SteelShelf = 3 }
colocate = [["Waiter", "SteelShelf"]]

[regions]
eu = ["Cellar", "SteelShelf"]
us = ["Waiter"]

[antipode.bottles]
type = "embedded-kv"

[Cellar]
degrees = 12
"""


@pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])
def test_a_file_may_speak_of_what_a_fake_replaces(deployer: DeployerName) -> None:
    with weaver.deploy(Waiter, deployer=deployer, config=parse(RESTAURANT), fakes={Cellar: FakeCellar()}) as app:
        assert app.get(Waiter).ask() == "nothing"
        assert [component.region for component in app.status().components if component.name == "Waiter"] == ["us"]
        assert app.status().stores == app.status().listeners == ()


def test_a_typing_error_in_the_file_is_one_with_fakes_too() -> None:
    with pytest.raises(ConfigError, match=r"\[Cellr\]: is neither a component.*Did you mean 'Cellar'"):
        weaver.deploy(Waiter, config=parse(RESTAURANT + "[Cellr]\n"), fakes={Cellar: FakeCellar()})


def test_a_fake_for_an_implementation_answers_for_refs_that_mean_it() -> None:
    clock = FakeClock()
    clock.seconds = 3600.0

    with weaver.deploy(Alarm, deployer="single", fakes={AtomicClock: clock, Bank: FakeBank()}) as app:
        assert app.get(Alarm).hour() == 1
        assert app.get("AtomicClock").now_s() == 3600.0


def test_a_fake_for_an_interface_answers_for_an_implementation_that_is_deployed_by_name() -> None:
    with weaver.deploy(Alarm, AtomicClock, deployer="single", fakes={Clock: FakeClock(), Bank: FakeBank()}) as app:
        assert app.get(AtomicClock).now_s() == 0.0
