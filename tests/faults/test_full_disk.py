"""No room for what is said or kept: the application works, whatever happens to words about it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("no_process_left")

TALKS = """
import os, resource, signal, sys
import weaverlab as weaver
from weaverlab.deployers.processes import fork_servers
from tests.apps.shop import Fragile, Item, Shop, config

weaver.deploy(Fragile).stop()  # so that the fork server runs
if sys.argv[1] == "files":  # as when the disk has become full: not a byte more, here or in any weavelet to come
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for pid in (0, fork_servers.pid()):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
with weaver.deploy(Shop, Fragile, config=config(), deployer=sys.argv[2]) as app:
    storage, fragile = app.get("Storage"), app.get(Fragile)
    for number in range(200):
        said = storage.store(Item(name=str(number), price=number))  # which logs a line
    pid = fragile.pid()
    if sys.argv[2] == "multi":
        os.kill(pid, signal.SIGKILL)
    answers = [said, fragile.pid() != pid]
kept = [entry for entry in app.logs() if str(entry["message"]).startswith("stored ")]
os.write(int(sys.argv[3]), repr([*answers, len(kept)]).encode())
"""


@pytest.mark.parametrize("deployer", ["single", "multi"])
@pytest.mark.parametrize("full", ["output", "files"])
def test_an_application_goes_on_where_nothing_can_be_written(tmp_path: Path, full: str, deployer: str) -> None:
    script = tmp_path / "talks.py"
    script.write_text(TALKS)
    environ = {**os.environ, "PYTHONPATH": os.getcwd(), "WEAVERLAB_STATE": str(tmp_path / "state")}
    answer, answers = os.pipe()

    with open("/dev/full" if full == "output" else os.devnull, "w") as nowhere:
        command = [sys.executable, script, full, deployer, str(answers)]
        done = subprocess.run(command, stdout=nowhere, stderr=nowhere, env=environ, pass_fds=[answers], timeout=40)

    os.close(answers)
    with open(answer) as pipe:
        assert pipe.read() == repr(["stored 199", deployer == "multi", 200])
    assert done.returncode == 0
