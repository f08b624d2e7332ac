"""The body of Main where it runs in the deploying process: once, whoever asks for it first.

Where it runs in a weavelet process, `runtime.child` runs it and `replicas` knows how it ended.
"""

from __future__ import annotations

import logging
import threading

from weaverlab.runtime.weavelet import Weavelet


class MainBody:
    """Runs the body of the Main that `host` has, at most once."""

    def __init__(self, host: Weavelet | None) -> None:
        self._host = host
        self._beginning = threading.Lock()  # guards _is_begun
        self._is_begun = False
        self._ended = threading.Event()
        self._error: BaseException | None = None

    @property
    def runs(self) -> bool:
        return self._is_begun and not self._ended.is_set()

    def start(self) -> None:
        """Begin it on a thread of its own, unless it has been begun."""
        if self._may_begin():
            threading.Thread(target=self._run_alone, name="main", daemon=True).start()

    def run(self) -> None:
        """Run it on this thread, or wait for the one that has been begun; raise what it raised."""
        if self._may_begin():
            self._run()
        self._ended.wait()
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """Let nobody wait any longer: what it needs has been stopped."""
        self._ended.set()

    def _run_alone(self) -> None:
        self._run()
        if isinstance(self._error, Exception):  # perhaps nobody waits for it
            logging.getLogger("weaverlab").error("main() failed", exc_info=self._error)

    def _may_begin(self) -> bool:
        with self._beginning:
            was_begun, self._is_begun = self._is_begun, True
            return not was_begun

    def _run(self) -> None:
        assert self._host is not None
        try:
            self._host.run_main()
        except BaseException as error:
            self._error = error
        finally:
            self._ended.set()
