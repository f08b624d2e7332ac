"""What a type checker makes of components: right code passes, wrong code is rejected where it is wrong.

mypy runs once over `typing_sample.py`, whose lines say in a comment which error they expect.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]
SAMPLE = Path(__file__).with_name("typing_sample.py")


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[int, str]:
    """Line -> error code or revealed type, as mypy sees the sample."""
    cache = tmp_path_factory.mktemp("mypy")
    report, errors, _ = api.run(
        ["--strict", "--no-pretty", "--config-file=", "--follow-imports=silent", f"--cache-dir={cache}", str(SAMPLE)]
    )
    assert not errors
    found = {}
    for line in report.splitlines():
        if match := re.search(r":(\d+): (?:error: .*\[([\w-]+)\]|note: Revealed type is \"(.*)\")$", line):
            found[int(match[1])] = match[2] or match[3]
    return found


@pytest.mark.slow
def test_mypy_sees_what_the_sample_says_and_nothing_else(found):
    expected = {
        number: line.rpartition("# mypy: ")[2]
        for number, line in enumerate(SAMPLE.read_text().splitlines(), 1)
        if "# mypy: " in line
    }

    assert found == expected
    assert len(expected) >= 15
