"""No row without a test, no test without a row, and each row is on the page for readers of Go."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.parity.test_from_go import PAGE_SECTIONS

HERE = Path(__file__).parent
ABOUT_THE_SUITE = {"test_completeness.py", "test_from_go.py"}
ROWS = (
    "`Implements[T]`",
    "Interface and implementation in one class",
    "`InstanceOf[T]`",
    "`Implements.Logger(ctx)`",
    "`Implements.Weaver()`, `WeaverInfo`",
    "`Init(ctx)`, `Shutdown(ctx)`",
    "`Main`, `PointerToMain`, `Run(ctx, app)`",
    "`Ref[T]`, `Get()`",
    "Cycles of refs",
    "`Listener`, `ProxyAddr()`, `String()`",
    "`[listeners]`, `local_address`",
    "`WithConfig[T]`, `Config()`, `toml` tags",
    "`WithRouter[T]`, `RoutedBy`, `Unrouted`",
    "`AutoMarshal`",
    "Serializable types, custom errors",
    "`NotRetriable`",
    "`RemoteCallError`",
    "`ErrNotFound`",
    "`HealthzURL`, `HealthzHandler`",
    "`InstrumentHandler`, `InstrumentHandlerFunc`",
)
TABLE = re.findall(r"^\| (.+) \| .+ \| (.+) \|$", (HERE / "README.md").read_text(), re.MULTILINE)[1:]


def test_every_row_is_in_the_table_in_order() -> None:
    assert tuple(row for row, _ in TABLE) == ROWS


def test_every_row_has_tests_and_every_test_a_row() -> None:
    named = {name for _, tests in TABLE for name in re.findall(r"`(.+?)`", tests)}

    assert {name for name in named if "/" not in name} == {
        path.name for path in HERE.glob("test_*.py")
    } - ABOUT_THE_SUITE
    assert all((HERE / name).is_file() for name in named)


def test_every_row_is_on_the_page_for_readers_of_go() -> None:
    assert tuple(section.title for section in PAGE_SECTIONS)[: len(ROWS)] == ROWS


@pytest.mark.parametrize(
    "path", sorted({*HERE.glob("test_*.py")} - {HERE / name for name in ABOUT_THE_SUITE}), ids=lambda path: path.stem
)
def test_every_file_has_a_test_that_runs_under_every_deployer(path: Path) -> None:
    functions = [
        node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    under_every = [
        function.name
        for function in functions
        if function.name.startswith("test_")
        and "deployer" in {argument.arg for argument in function.args.args}
        and not any("deployer" in ast.unparse(decorator) for decorator in function.decorator_list)
    ]

    assert under_every
