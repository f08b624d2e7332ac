"""A weavelet as a process of its own. Its contract with whoever started it:

    standard input    one bootstrap, then nothing; end of file means "your deployer is gone": exit at once
    standard output   events for the deployer, one JSON object a line (see `events.py`)
    standard error    whatever the application prints, to either stream
    exit code         0 after an orderly stop, 1 when it failed
    process group     one of its own, with the processes that the application starts; it ends with the deployer

This is all an engine must provide to place a weavelet, so `python -m weaverlab.runtime` runs anywhere.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import os
import pickle
import queue
import signal
import sys
import threading
from typing import NoReturn

from weaverlab import bundle
from weaverlab.component import build_application
from weaverlab.errors import DeployError
from weaverlab.runtime.control import Orders, StartMain, Stop
from weaverlab.runtime.events import EventPipe
from weaverlab.runtime.failures import pack, remote_traceback
from weaverlab.runtime.placement import Bootstrap, read_bootstrap
from weaverlab.runtime.version import WEAVERLAB_VERSION
from weaverlab.runtime.weavelet import Weavelet
from weaverlab.stores.branches import here

_LIFELINE_CHUNK_BYTES = 4096


def main() -> NoReturn:
    """Run the weavelet whose bootstrap is on standard input, and end the process."""
    _leave_terminal()
    lifeline = _take_stdin()
    events = EventPipe(_take_stdout())
    faulthandler.enable()
    code = 1
    try:
        with open(lifeline, "rb", closefd=False) as stdin:
            bootstrap = read_bootstrap(stdin)
        _wake_at_end(lifeline)
        threading.Thread(target=_watch_lifeline, args=(lifeline, bootstrap), name="lifeline", daemon=True).start()
        code = _run(bootstrap, events)
    except BaseException as error:
        events.failed(remote_traceback(error))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the application may have closed it, or put something else in its place
            stream.flush()
    os._exit(code)  # threads of the application may still run; everything of ours is closed


def _run(bootstrap: Bootstrap, events: EventPipe) -> int:
    if bootstrap.weaverlab_version != WEAVERLAB_VERSION:
        raise DeployError(
            f"the deployer runs WeaverLab {bootstrap.weaverlab_version}, this weavelet {WEAVERLAB_VERSION}.\n"
            "Install the same version on both sides."
        )
    if os.environ != bootstrap.environ:  # each variable is written to memory of its own
        os.environ.clear()
        os.environ.update(bootstrap.environ)
    os.chdir(bootstrap.working_directory)
    sys.argv[:] = bootstrap.arguments
    sys.path[:] = bootstrap.import_path
    bundle.install(bundle.Bundle.from_bytes(bootstrap.bundle))
    app = build_application(*pickle.loads(bootstrap.roots))
    orders: Orders = queue.SimpleQueue()
    here.home = bootstrap.placement.replica
    weavelet = Weavelet(app, bootstrap.placement, events.log, orders)
    weavelet.start()
    events.ready(os.getpid(), weavelet.listener_addresses())
    if bootstrap.placement.runs_main:
        orders.put(StartMain())
    weavelet.stop(_obey(orders, weavelet, events))
    return 0


def _obey(orders: Orders, weavelet: Weavelet, events: EventPipe) -> float:
    """Do what the deployer asks for until it asks for a stop (a weavelet's whole life); return the drain time."""
    main: threading.Thread | None = None
    while True:
        order = orders.get()
        if isinstance(order, Stop):
            return order.drain_s
        if main is None:
            main = threading.Thread(target=_run_main, args=(weavelet, events), name="main", daemon=True)
            main.start()


def _run_main(weavelet: Weavelet, events: EventPipe) -> None:
    """Run the application's body and report how it ended."""
    try:
        weavelet.run_main()
    except SystemExit as exit:  # it is raised again where the deployer runs
        code = exit.code if exit.code is None or isinstance(exit.code, int) else str(exit.code)
        events.main_exited(code)
    except BaseException as error:
        events.main_failed(pickle.dumps(pack(error, f"main() at {weavelet.replica}")))
    else:
        events.main_done()


def _leave_terminal() -> None:
    """Make Ctrl-C and the notebook's Stop button the deployer's business alone."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _take_stdin() -> int:
    """Keep standard input for the lifeline; processes that the application starts find an empty one."""
    lifeline_fd = os.dup(0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return lifeline_fd


def _take_stdout() -> int:
    """Keep standard output for events; the application's prints go to standard error from now on."""
    events_fd = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - also where the deployer's own was closed
    return events_fd


def _wake_at_end(lifeline: int) -> None:
    """Have the kernel wake this process at the end of the lifeline: who is stopped could not notice it, nor end."""
    if hasattr(fcntl, "F_SETSIG"):  # on Linux
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGCONT)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def _watch_lifeline(lifeline: int, bootstrap: Bootstrap) -> None:
    """End this process, leaving no file behind, as soon as the deployer is gone."""
    while os.read(lifeline, _LIFELINE_CHUNK_BYTES):
        pass
    placement = bootstrap.placement
    for address in {placement.address, *placement.routing.addresses()}:  # the deployer's own may be among them
        with contextlib.suppress(OSError):  # another weavelet, which ends as well, was faster
            os.unlink(address.removeprefix("unix:"))
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(placement.address.removeprefix("unix:")))
    os.killpg(0, signal.SIGKILL)  # ourselves, and with us what the application has started
