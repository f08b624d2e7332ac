"""The fork server: what it is while it forks, what weavelets have from it, and which modules are unfit for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import weaverlab as weaver
from tests.apps.borrowed import Borrower
from tests.apps.broken import Healthy
from weaverlab import Deployment
from weaverlab.component import build_application
from weaverlab.deployers.forking import Forked, ForkServers, Modules
from weaverlab.deployers.preloading import preloadable
from weaverlab.deployers.processes import fork_servers

pytestmark = pytest.mark.usefixtures("no_process_left")


@pytest.fixture(scope="module")
def app() -> Iterator[Deployment]:
    with weaver.deploy(Borrower, replicas={Borrower: 2}) as app:
        yield app


@pytest.fixture
def servers() -> Iterator[ForkServers]:
    servers = ForkServers()
    yield servers
    servers.kill()


def start(servers: ForkServers, modules: Modules) -> Forked:
    """Start a weavelet that finds the end of its standard input at once, so that it fails."""
    with open(os.devnull, "r+b") as nothing:
        return servers.start(modules, nothing.fileno(), nothing.fileno(), nothing.fileno())


def run_script(script: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Run `text` as a program of its own, which finds the tests' modules."""
    script.write_text(text)
    environ = {**os.environ, "PYTHONPATH": os.getcwd()}
    return subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=30, env=environ)


def test_the_fork_server_runs_one_thread_in_a_session_of_its_own(app: Deployment) -> None:
    pid = fork_servers.pid()

    assert os.listdir(f"/proc/{pid}/task") == [str(pid)]
    assert os.getsid(pid) == pid  # so that Ctrl-C, which a terminal sends to all processes of its own, passes it by


def test_nothing_but_the_application_is_imported_after_the_fork(app: Deployment) -> None:
    loaded = app.get(Borrower).loaded_since_the_fork()

    assert set(loaded) == {"tests", "tests.apps", "tests.apps.borrowed"}


def test_objects_of_before_the_fork_are_out_of_the_collectors_sight(app: Deployment) -> None:
    frozen, is_enabled = app.get(Borrower).collector()

    assert frozen > 10_000 and is_enabled


def test_weavelets_that_share_numpy_draw_numbers_of_their_own(app: Deployment) -> None:
    drawn = {app.get(Borrower).first_draw() for _ in range(4)}

    pids, numbers = zip(*drawn, strict=True)
    assert len(set(pids)) == len(set(numbers)) == 2


def test_a_weavelet_sees_the_arguments_of_whoever_deployed_it(app: Deployment) -> None:
    assert app.get(Borrower).arguments() == sys.argv


def test_modules_of_python_and_numpy_are_preloaded_and_no_others() -> None:
    found = preloadable(build_application([Borrower], None), [])

    assert {"gc", "os", "sys", "numpy"} <= set(found)
    assert not any(name.startswith(("tests", "weaverlab")) for name in found)


@pytest.mark.parametrize(
    "deed",
    [
        "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "import socket; kept = socket.socket()",
    ],
)
def test_a_module_that_starts_a_thread_or_opens_something_is_left_to_the_weavelets(
    servers: ForkServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    (tmp_path / "unfit.py").write_text(deed)
    monkeypatch.syspath_prepend(tmp_path)
    first = servers.pid()

    forked = start(servers, {"unfit": str(tmp_path / "unfit.py")})

    assert forked.wait(10) == 1
    assert servers.pid() != first
    forked.close()


def test_a_module_that_lies_elsewhere_than_the_applications_is_not_preloaded(
    servers: ForkServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ours.py").write_text("import socket; kept = socket.socket()")  # it would be found to be unfit
    monkeypatch.syspath_prepend(tmp_path)
    first = servers.pid()

    forked = start(servers, {"ours": "/elsewhere/ours.py"})

    assert forked.wait(10) == 1
    assert servers.pid() == first
    forked.close()


def test_a_setting_that_numpy_reads_once_leads_to_a_new_fork_server(
    servers: ForkServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = servers.pid()

    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    assert servers.pid() != first


ORDER = """
import subprocess, sys
import weaverlab as weaver
from tests.apps.broken import Healthy

class Watched(subprocess.Popen):
    def __init__(self, *args, **options):
        print(sorted({"weaverlab.deployers.multi", "weaverlab.runtime.weavelet"} & set(sys.modules)))
        super().__init__(*args, **options)

if __name__ == "__main__":
    subprocess.Popen = Watched
    with weaver.deploy(Healthy) as app:
        print("msgspec" in sys.modules)
"""


def test_the_fork_server_starts_while_the_first_deployment_imports_what_it_needs(tmp_path: Path) -> None:
    done = run_script(tmp_path / "order.py", ORDER)

    assert (done.stdout, done.stderr) == ("[]\nFalse\n", "")


CHILDREN = """
import signal
import multiprocess
import weaverlab as weaver
from tests.apps.broken import Healthy

if __name__ == "__main__":
    with weaver.deploy(Healthy), multiprocess.get_context("forkserver").Pool(1) as pool:
        print(pool.apply(signal.getsignal, (signal.SIGINT,)) is signal.default_int_handler)
"""


def test_children_that_the_user_starts_with_multiprocess_heed_ctrl_c(tmp_path: Path) -> None:
    done = run_script(tmp_path / "children.py", CHILDREN)

    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_fork_of_the_deploying_process_leaves_its_fork_server_alone() -> None:
    weaver.deploy(Healthy).stop()
    server = fork_servers.pid()

    child = os.fork()
    if child == 0:
        fork_servers.kill()
        os._exit(0)
    os.waitpid(child, 0)

    assert fork_servers.pid() == server
