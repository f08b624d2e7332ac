"""The Stop button leaves the deployment alive; the end of the kernel, however it comes, leaves nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.fault_trials import wait_for
from tests.notebook.cells import SHOP
from tests.notebook.kernel import Kernel
from weaverlab.testing import nothing_left

pytestmark = pytest.mark.slow


def gate_cell(path: Path) -> str:
    return f"path = {str(path)!r}\nos.mkfifo(path)\nstorage = weaver.current().get('Storage')"


def test_the_stop_button_interrupts_a_call_and_leaves_the_deployment_usable(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", gate_cell(tmp_path / "gate"))
    weavelets = kernel.children()

    call = kernel.begin("storage.sleep(path)")
    with open(tmp_path / "gate", "w"):  # returns when the component has opened it too: the call has arrived
        kernel.interrupt()
        kernel.finish(call)

    assert call.error == "KeyboardInterrupt"
    assert kernel.ask("storage.store(Post(id='1', text='a')) > 0") == "True"
    assert kernel.children() == weavelets


def test_the_stop_button_interrupts_an_awaited_call_too(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", "storage = weaver.current().get('Storage')")

    call = kernel.begin("print('waiting', flush=True)\nwhile True: await storage.double(1)")
    kernel.wait(lambda: "waiting" in call.text)
    kernel.interrupt()
    kernel.finish(call)

    assert call.error in ("KeyboardInterrupt", "CancelledError")
    assert kernel.ask("await storage.double(2)") == "4"


def test_interrupting_a_deploy_leaves_no_process_and_what_ran_before(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run_all(*SHOP, "%weaver deploy")
    kernel.run_all(f"path = {str(tmp_path / 'gate')!r}\nos.mkfifo(path)")
    kernel.run_all("class Slow(Component):\n    def init(self): open(path).read()")
    before = kernel.children()

    deploying = kernel.begin("%weaver deploy")
    with open(tmp_path / "gate", "w"):
        kernel.interrupt()
        kernel.finish(deploying)

    assert deploying.error == "KeyboardInterrupt" and "still runs" in deploying.text
    assert kernel.children() == before
    assert kernel.ask("weaver.current().get(Upload).upload('1', 'a').text") == "'a'"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_the_kernel_is_killed_nothing_of_it_is_left(
    number: signal.Signals, new_kernel: Callable[..., Kernel], tmp_path: Path
) -> None:
    with nothing_left():
        kernel = new_kernel(TMPDIR=str(tmp_path), XDG_RUNTIME_DIR="")
        kernel.run_all(*SHOP, "%weaver deploy")
        assert len(kernel.children()) == 2

        os.kill(kernel.pid, number)

    wait_for(lambda: not list(tmp_path.iterdir()), patience_s=5.0)  # its fork server removes them, then ends


def test_a_kernel_that_is_shut_down_stops_its_deployment_in_order(
    new_kernel: Callable[..., Kernel], tmp_path: Path
) -> None:
    note = tmp_path / "note"
    kernel = new_kernel()
    kernel.run_all(*SHOP, f"class Polite(Component):\n    def shutdown(self): open({str(note)!r}, 'w').write('bye')")
    kernel.run_all("%weaver deploy")

    kernel.close()

    assert note.read_text() == "bye"
