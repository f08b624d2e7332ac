"""The Stop button ends what runs in other processes on behalf of the cell, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.apps import chain
from tests.apps.chain import wait_entries
from tests.notebook.kernel import Kernel

pytestmark = pytest.mark.slow

CELL = Path(chain.__file__).read_text().replace("from __future__ import annotations", "import weaverlab as weaver")


@pytest.mark.parametrize(
    ("call", "outer", "inner"),
    [
        ("outer.work(folder)", "Cancelled", "Cancelled"),
        ("await outer.work_async(folder)", "CancelledError", "CancelledError"),
        ("outer.blocks_on_async(folder)", "Cancelled", "CancelledError"),
        ("await outer.awaits_a_thread(folder)", "CancelledError", "Cancelled"),
    ],
)
def test_the_stop_button_ends_the_work_of_all_that_the_cell_has_called(
    kernel: Kernel, tmp_path: Path, call: str, outer: str, inner: str
) -> None:
    kernel.run_all(CELL, "%weaver deploy", f"outer, folder = weaver.current().get(Outer), {str(tmp_path)!r}")
    weavelets = kernel.children()

    cell = kernel.begin(call)
    wait_entries(tmp_path, "inner begins")
    kernel.interrupt()
    kernel.finish(cell)

    assert cell.error in ("KeyboardInterrupt", "CancelledError")
    wait_entries(tmp_path, f"inner: {inner}", f"outer: {outer}")
    assert kernel.ask("outer.answer()") == "42"
    assert kernel.children() == weavelets


def test_the_stop_button_reaches_a_cell_that_awaits_something_else(kernel: Kernel) -> None:
    kernel.run_all("import asyncio")

    cell = kernel.begin("print('waiting', flush=True)\nawait asyncio.sleep(100)")
    kernel.wait(lambda: "waiting" in cell.text)
    kernel.interrupt()
    kernel.finish(cell)

    assert cell.error == "CancelledError"


def test_unloading_leaves_signals_as_they_were(new_kernel: Callable[[], Kernel]) -> None:
    kernel = new_kernel()
    kernel.run_all("import signal", "before = signal.set_wakeup_fd(-1)", "signal.set_wakeup_fd(before)")

    kernel.run_all("%unload_ext weaverlab", "after = signal.set_wakeup_fd(-1)")

    assert kernel.ask("before != -1, after") == "(True, -1)"
