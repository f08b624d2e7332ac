"""How the deployer knows that a weavelet lives, and the weavelet what its deployer knows.

Every weavelet has a thread of its own here, since one that hangs must hold up neither the others nor their supervisor.
Silence is counted in ticks of the supervisor, not in seconds: a laptop that slept, or a deployer that was stopped
itself, has missed those ticks as well, and takes nobody for dead. Not in here: what silence leads to.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from functools import partial

from weaverlab.deployers.asking import in_time
from weaverlab.errors import DeadlineExceeded, RemoteCallError, StoppedError
from weaverlab.routing import RoutingTable
from weaverlab.runtime.control import Health, WeaveletControl

TICK_S = 0.5
HUNG_S = 2.0  # silence after which calls go to other replicas
# Silence after which it is killed and started again. By then, whoever called it without a deadline has given up too:
# it is the default of call_timeout_s. Long pauses that end by themselves (swapping, a debugger) are shorter, mostly.
GIVE_UP_S = 30.0
START_S = 60.0  # within which a weavelet must be ready: what all its init() take together
JOIN_TIMEOUT_S = 5.0  # more than one question takes

HUNG_TICKS = round(HUNG_S / TICK_S)
GIVE_UP_TICKS = round(GIVE_UP_S / TICK_S)
START_TICKS = round(START_S / TICK_S)


class Contact:
    """Asks one weavelet every tick how it is, and tells it every newer routing table as soon as there is one."""

    def __init__(
        self,
        replica: str,
        control: WeaveletControl,
        is_listening: Callable[[], bool],
        newest: Callable[[], RoutingTable],
        heard: Callable[[Health], None],
        renew: Callable[[], None],
    ) -> None:
        """`is_listening` says whether there is any sense in asking now; `heard` takes each answer.

        `renew` is called every time after an answer: it renews certificates that are due.
        """
        self._control = control
        self._is_listening = is_listening
        self._newest = newest
        self._heard = heard
        self._renew = renew
        self._news = threading.Event()
        self._is_over = False
        self._version_there = 0
        self._thread = threading.Thread(target=self._run, name=f"weaverlab-contact {replica}", daemon=True)
        self._thread.start()

    def tell(self) -> None:
        """There is a newer table, or somebody to ask."""
        self._news.set()

    def end(self) -> None:
        """Ask no more. A question that is open now comes to nothing."""
        self._is_over = True
        self._news.set()

    def join(self) -> None:
        """Wait until the thread has ended; whatever it asked must have ended, or its connections be closed."""
        self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        while not self._is_over:
            self._news.clear()
            pause_s = TICK_S
            try:
                if self._is_listening():
                    self._converse()
            except DeadlineExceeded:
                pause_s = 0.0  # that was waiting enough; perhaps it was this process that had been stopped
            except (RemoteCallError, StoppedError):
                pass  # that is what silence is
            self._news.wait(pause_s)

    def _converse(self) -> None:
        table = self._newest()
        if self._version_there < table.version:
            in_time(partial(self._control.update_routing, table))
        health = in_time(self._control.health)
        self._version_there = health.table
        self._heard(health)
        with contextlib.suppress(RemoteCallError, StoppedError):  # it has just died: the next one has a new certificate
            self._renew()
