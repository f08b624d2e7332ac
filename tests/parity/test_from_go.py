"""docs/from-go.md: every Python block of the page runs, and pyright accepts it."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "from-go.md").read_text()
PREAMBLE, *SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """One section of the page: its title, and its blocks by language."""

    title: str
    python: tuple[str, ...]
    go: tuple[str, ...]
    toml: str

    @classmethod
    def of(cls, text: str) -> Section:
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        by_language = {name: tuple(code for language, code in blocks if language == name) for name, _ in blocks}
        return cls(
            text.splitlines()[0], by_language["python"], by_language.get("go", ()), "".join(by_language.get("toml", ()))
        )

    def definitions(self) -> str:
        return Section.of(PREAMBLE).python[0] + self.python[0]

    def use(self) -> str:
        return "".join(self.python[1:])


PAGE_SECTIONS = [Section.of(text) for text in SECTIONS]


@pytest.mark.usefixtures("no_process_left")
@pytest.mark.parametrize("number", range(len(PAGE_SECTIONS)), ids=[section.title for section in PAGE_SECTIONS])
def test_the_python_of_every_section_runs(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section, name = PAGE_SECTIONS[number], f"from_go_{number}"
    (tmp_path / f"{name}.py").write_text(section.definitions())
    (tmp_path / "weaver.toml").write_text(section.toml)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    module = importlib.import_module(name)

    exec(compile(section.use(), f"{name}, second block", "exec"), {**vars(module)})


@pytest.mark.slow
def test_pyright_accepts_the_python_of_every_section(tmp_path: Path) -> None:
    settings = {"typeCheckingMode": "standard", "extraPaths": [str(ROOT)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    for number, section in enumerate(PAGE_SECTIONS):
        (tmp_path / f"from_go_{number}.py").write_text(section.definitions() + section.use())

    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    report = json.loads(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout)

    assert report["summary"]["filesAnalyzed"] == len(PAGE_SECTIONS)
    assert report["generalDiagnostics"] == []


def test_every_section_shows_the_go_form_but_the_one_that_has_none() -> None:
    without = [section.title for section in PAGE_SECTIONS if not section.go]

    assert without == ["Interface and implementation in one class"]
