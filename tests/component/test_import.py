"""Importing what authors type costs next to nothing."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import weaverlab

HEAVY = {"asyncio", "dill", "matplotlib", "msgspec", "multiprocess", "numpy", "socket", "tomllib"}


@pytest.mark.parametrize("module", ["weaverlab.component", "weaverlab.config"])
def test_importing_declarations_or_configuration_loads_nothing_heavy(module):
    program = (
        "import sys, types; package = types.ModuleType('weaverlab'); package.__path__ = ['weaverlab'];"
        "sys.modules['weaverlab'] = package;"  # without its __init__, which imports all the rest
        f"before = set(sys.modules); import {module}; print(*set(sys.modules) - before)"
    )

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert module in loaded
    assert HEAVY & set(loaded) == set()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("NotFoundError", "from weaverlab.errors import NotFoundError"),
        ("Componant", "Did you mean 'Component'?"),
    ],
)
def test_a_name_that_is_not_there_leads_to_the_right_one(name: str, hint: str):
    with pytest.raises(AttributeError, match=re.escape(hint)):
        getattr(weaverlab, name)
