"""What every test has: a session whose processes can be found, and none of them left at its end."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator

import hypothesis
import pytest

from weaverlab.testing import nothing_left
from weaverlab.testing.processes import mark_children

mark_children()
# What tests deploy is registered in a place of its own: neither seen by this user's command line, nor cleaned up by it.
os.environ["WEAVERLAB_STATE"] = tempfile.mkdtemp(prefix="weaverlab-tests-")
atexit.register(shutil.rmtree, os.environ["WEAVERLAB_STATE"], ignore_errors=True)
# A suite that runs in the background may have inherited "ignore Ctrl-C"; what tests interrupt must not.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No time limit for one example: on two busy cores it would measure the neighbours.
hypothesis.settings.register_profile("weaverlab", deadline=None, print_blob=True)
hypothesis.settings.load_profile("weaverlab")


@pytest.fixture
def no_process_left() -> Iterator[None]:
    """Fail the test when a process that it started, at whatever distance, still runs five seconds after its end.

    A thread or a socket of ours, and the files of a deployment, do not stay either: see `weaverlab.testing`.

    For a whole module: `pytestmark = pytest.mark.usefixtures("no_process_left")`. Name it first among the fixtures
    of a test, so that it looks after the others have cleaned up.
    """
    with nothing_left():
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_process_left_by_the_session() -> Iterator[None]:
    """The same once for the whole session, for the tests that did not ask."""
    with nothing_left():
        yield
