"""What README.md shows of notebooks works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notebook.kernel import Kernel

pytestmark = pytest.mark.slow

README = Path(__file__).parents[2] / "README.md"


def test_the_cells_of_the_readme_deploy_call_and_draw(kernel: Kernel) -> None:
    definitions, deploying, _ = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)

    kernel.run_all(definitions)
    deployed = kernel.run_all(deploying)

    assert "2 components in 2 weavelets" in deployed.all_text and "stored 1" in deployed.all_text
    assert kernel.ask("app.get(Feed).publish('hello')") == "'hello'"
    assert kernel.run_all("%weaver stop # it's done").text == "Stopped.\n"
