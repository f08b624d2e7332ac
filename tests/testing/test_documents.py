"""The examples in the documents do what the documents say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("no_process_left")

DOCS = Path(__file__).parents[2] / "docs"


def python_blocks(document: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (DOCS / document).read_text(), re.DOTALL | re.MULTILINE)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.getcwd(), "PYTEST_ADDOPTS": ""}


def test_the_index_of_decisions_names_every_page_in_order_by_its_title() -> None:
    pages = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    titles = [page.read_text().partition("\n")[0].removeprefix("# ").partition(". ") for page in pages]
    index = (DOCS / "decisions" / "README.md").read_text()

    assert re.findall(r"^\d+\. .*$", index, re.MULTILINE) == [
        f"{number}. [{title}]({page.name})" for (number, _, title), page in zip(titles, pages, strict=True)
    ]


def test_the_script_of_the_readme_calls_breaks_scales_and_replaces(tmp_path: Path) -> None:
    classes, _, script = python_blocks("../README.md")
    (tmp_path / "feed.py").write_text(classes.replace("%load_ext weaverlab\n", ""))
    (tmp_path / "script.py").write_text(script)

    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment(), text=True, capture_output=True
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("hello\n") and re.search(r"^Feed/2 +paused", done.stdout, re.MULTILINE)
    assert "MemoryStorage.store" in (tmp_path / "request.svg").read_text()


def test_the_example_of_testing_passes_under_every_deployer(tmp_path: Path) -> None:
    shop, tests, more = python_blocks("testing.md")
    (tmp_path / "shop.py").write_text(shop)
    (tmp_path / "test_shop.py").write_text(f"import weaverlab\n{tests}\n{more}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--asyncio-mode", "auto", "."]

    done = subprocess.run(command, cwd=tmp_path, env=environment(), text=True, stdout=subprocess.PIPE)

    assert re.search(r"^13 passed", done.stdout, re.MULTILINE), done.stdout


def test_the_example_of_streams_prints_what_it_says(tmp_path: Path) -> None:
    (app,) = python_blocks("streams.md")
    command, piped = [sys.executable, "numbers_app.py"], {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}

    for deployer in ("single", "rpc", "multi"):
        (tmp_path / "numbers_app.py").write_text(app.replace('deployer="multi"', f'deployer="{deployer}"'))
        done = subprocess.run(command, cwd=tmp_path, env=environment(), text=True, **piped)
        assert re.findall(r"(?:^|  )(\d+)$", done.stdout, re.MULTILINE) == ["499500", "3"], done.stdout


def test_the_engine_in_the_document_passes_the_suite(tmp_path: Path) -> None:
    _, engine, tests = python_blocks("deployers.md")
    (tmp_path / "subprocess_deployer.py").write_text(engine)
    (tmp_path / "test_deployer.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "exception or killed", "."]

    done = subprocess.run(command, cwd=tmp_path, env=environment(), text=True, stdout=subprocess.PIPE)

    assert re.search(r"^4 passed", done.stdout, re.MULTILINE), done.stdout
