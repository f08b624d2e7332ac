"""What weavelets say appears under the cell that deployed them: prefixed, from any thread, at any time, bounded."""

from __future__ import annotations

import re

import pytest

from tests.notebook.cells import SHOP
from tests.notebook.kernel import Kernel
from weaverlab.notebook.lines import ENTRY_CHARS_MAX, LINES_PER_S_MAX, CellLines

LINE = re.compile(r"^\d\d:\d\d:\d\d\.\d{3} (?P<mark>[|A-Z]) (?P<who>\S+)  (?P<message>.*)$", re.MULTILINE)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time_s = 100.0

    def now_s(self) -> float:
        return self.time_s

    def wall_s(self) -> float:
        return self.time_s


def entry(message: str) -> dict[str, str | float]:
    return {"wall_s": 1.5, "level": "INFO", "component": "Web", "replica": "Web/0", "message": message}


def test_lines_below_the_limit_are_all_shown_with_prefix_and_colour() -> None:
    shown: list[str] = []
    lines = CellLines(shown.append, Clock())

    lines(entry("first\nsecond"))

    assert re.sub(r"\x1b\[\d+m|\d\d:\d\d:\d\d", "", shown[0]) == ".500 I Web/0  first\n.500 I Web/0  second\n"
    assert "\x1b[" in shown[0]


def test_a_flood_is_cut_off_each_second_and_says_how_much_was_left_out() -> None:
    shown: list[str] = []
    clock = Clock()
    lines = CellLines(shown.append, clock)

    for number in range(LINES_PER_S_MAX + 1234):
        lines(entry(str(number)))
    assert len(shown) == LINES_PER_S_MAX

    clock.time_s += 1.0
    lines(entry("after it"))

    assert shown[-2] == "... 1,234 entries left out here, too many for one second; app.logs() has the newest.\n"
    assert "after it" in shown[-1]


def test_after_the_end_of_a_flood_what_was_left_out_is_told_once() -> None:
    shown: list[str] = []
    lines = CellLines(shown.append, Clock())
    for number in range(LINES_PER_S_MAX + 1):
        lines(entry(str(number)))

    lines.tell()  # what the timer does
    lines.tell()

    assert shown[-1].startswith("... 1 entry left out") and len(shown) == LINES_PER_S_MAX + 1


def test_a_very_long_entry_is_cut() -> None:
    shown: list[str] = []

    CellLines(shown.append, Clock())(entry("x" * 100_000))

    assert len(shown[0]) < ENTRY_CHARS_MAX + 100 and "characters left out; app.logs() has them" in shown[0]


@pytest.mark.slow
def test_log_lines_and_prints_appear_under_the_deploying_cell_also_later(kernel: Kernel) -> None:
    kernel.run_all(*SHOP)
    deploying = kernel.run_all("%weaver deploy")
    kernel.wait(lambda: "storage opens" in deploying.text)

    later = kernel.run_all("weaver.current().get(Storage).say(2)")
    kernel.wait(lambda: "line 1" in deploying.text)

    assert "line" not in later.text
    found = [line.groups() for line in LINE.finditer(deploying.text)]
    assert found == [
        ("I", "Storage/0", "storage opens"),
        ("|", "Storage/0", "line 0"),
        ("|", "Storage/0", "line 1"),
    ]


@pytest.mark.slow
def test_output_follows_the_newest_deploying_cell(kernel: Kernel) -> None:
    kernel.run_all(*SHOP)
    first = kernel.run_all("%weaver deploy")
    second = kernel.run_all("%weaver deploy")

    kernel.run_all("weaver.current().get(Storage).say(1)")
    kernel.wait(lambda: "line 0" in second.text)

    assert "line 0" not in first.text


@pytest.mark.slow
def test_a_component_that_prints_without_end_floods_neither_the_cell_nor_the_kernel(kernel: Kernel) -> None:
    kernel.run_all(*SHOP)
    deploying = kernel.run_all("%weaver deploy")

    kernel.run_all("weaver.current().get(Storage).say(20_000)")
    kernel.wait(lambda: "entries left out here" in deploying.text)

    assert deploying.text.count("\n") < 6 * LINES_PER_S_MAX
    assert int(kernel.ask("len(weaver.current().logs())")) == 10_000


@pytest.mark.slow
def test_in_a_terminal_the_same_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from weaverlab.notebook.cell import this_cell

    cell = this_cell(object())

    cell.write("a line\n")
    cell.display({"text/plain": "a table", "text/html": "<table>"}, {}, "id")

    assert capsys.readouterr().out == "a line\na table\n"
