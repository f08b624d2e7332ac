"""mypy and pyright over one sample: both accept the right code, and reject the wrong code where it is wrong.

pyright comes with basedpyright, whose wheels hold all of it and a Node to run it: nothing is fetched when it runs.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.typing import right

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
Found = dict[tuple[str, int], set[str]]  # (file, line) -> what the checker reports there

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mypy(tmp_path_factory: pytest.TempPathFactory) -> Found:
    cache = tmp_path_factory.mktemp("mypy")
    options = ["--strict", "--no-pretty", "--config-file=", "--follow-imports=silent", f"--cache-dir={cache}"]
    report = _run("mypy", *options, str(HERE / "right.py"), str(HERE / "wrong.py"))
    found: Found = defaultdict(set)
    for file, line, code in re.findall(r"(\w+\.py):(\d+): error: .*\[([\w-]+)\]$", report, re.MULTILINE):
        found[file, int(line)].add(code)
    assert f"Found {sum(map(len, found.values()))} errors" in report, report
    return found


@pytest.fixture(scope="module")
def pyright() -> Found:
    report = json.loads(
        _run("basedpyright", "--outputjson", "-p", str(HERE / "pyrightconfig.json"), "--pythonpath", sys.executable)
    )
    assert report["summary"]["filesAnalyzed"] == 2
    found: Found = defaultdict(set)
    for problem in report["generalDiagnostics"]:
        found[Path(problem["file"]).name, problem["range"]["start"]["line"] + 1].add(problem["rule"])
    return found


def test_mypy_accepts_right_code_and_rejects_wrong_code_where_it_is_wrong(mypy: Found) -> None:
    assert mypy == _expected(lambda marks: marks[:1])


def test_pyright_accepts_right_code_and_rejects_wrong_code_where_it_is_wrong(pyright: Found) -> None:
    assert pyright == _expected(lambda marks: marks[1:])


def test_nine_kinds_of_wrong_code_are_marked() -> None:
    kinds = re.findall(r"^ *# (\d)\. [^\n]*$(.*?)(?=^ *# \d\. |\Z)", _wrong(), re.MULTILINE | re.DOTALL)

    assert [number for number, code in kinds if "# wrong: " in code] == list("123456789")


def test_what_type_checkers_accept_also_runs() -> None:
    assert right.deploy_and_use() == ["hello"]
    assert right.is_storage("a string") == "no storage"
    assert right.make(int) == right.Post("none")


def _wrong() -> str:
    return (HERE / "wrong.py").read_text()


def _expected(choose: Callable[[list[str]], list[str]]) -> Found:
    marked = {number: line.partition("# wrong: ")[2] for number, line in enumerate(_wrong().splitlines(), 1)}
    return {("wrong.py", number): set(choose(marks.split(", "))) for number, marks in marked.items() if marks}


def _run(checker: str, *arguments: str) -> str:
    ended = subprocess.run([sys.executable, "-m", checker, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 1, ended.stdout + ended.stderr  # it ran, and found faults
    return ended.stdout
