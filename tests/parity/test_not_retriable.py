"""`@not_retriable`: a method that is never executed a second time because nobody knows whether it was executed once."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

import weaverlab as weaver
from weaverlab import Implements, Interface, WithConfig, not_retriable
from weaverlab.config import Config, parse
from weaverlab.errors import CallLost


@dataclass
class Settings:
    diary: str


class Account(Interface):
    @not_retriable
    def pay(self, amount: int) -> None: ...
    def pay_and_die(self, amount: int) -> None: ...
    def ask_and_die_once(self, once: str) -> str: ...


class Bank(Implements[Account], WithConfig[Settings]):
    def pay(self, amount: int) -> None:
        with open(self.config.diary, "a") as file:
            file.write(f"{amount}\n")

    @not_retriable  # on the implementation: as good as on the interface
    def pay_and_die(self, amount: int) -> None:
        self.pay(amount)
        os.kill(os.getpid(), signal.SIGKILL)

    def ask_and_die_once(self, once: str) -> str:
        try:
            os.remove(once)
        except FileNotFoundError:
            return "answered in the end"
        os.kill(os.getpid(), signal.SIGKILL)
        return "never"


def _config(diary: object) -> Config:
    return parse(f'[Bank]\ndiary = "{diary}"')


def test_a_call_is_executed_once(deployer: str, tmp_path: Path) -> None:
    diary = tmp_path / "diary"

    with weaver.deploy(Bank, deployer=deployer, config=_config(diary)) as app:
        app.get(Account).pay(3)
        app.get(Account).pay(4)

    assert diary.read_text().split() == ["3", "4"]  # "rpc" executes twice what may be repeated


@pytest.mark.parametrize("deployer", ["multi"], indirect=True)  # where a component can die alone
def test_a_call_whose_component_dies_is_not_repeated_and_others_are(deployer: str, tmp_path: Path) -> None:
    diary, once = tmp_path / "diary", tmp_path / "once"
    once.touch()

    with weaver.deploy(Bank, deployer=deployer, config=_config(diary)) as app:
        with pytest.raises(CallLost) as lost:
            app.get(Account).pay_and_die(5)
        answer = app.get(Account).ask_and_die_once(str(once))

    assert diary.read_text().split() == ["5"]
    assert lost.value.maybe_executed
    assert answer == "answered in the end"
