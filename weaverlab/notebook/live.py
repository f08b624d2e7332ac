"""Pictures that follow a running deployment: which views there are, and when each is drawn anew.

A view lives until its deployment stops, its cell is run again, or too many newer ones exist. Then stills take its
place in the notebook, so that a saved document never shows a widget whose kernel is gone.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Any

from weaverlab.clock import SystemClock, unique_id
from weaverlab.notebook.cell import Cell, this_cell
from weaverlab.notebook.view import DrawingView, is_static
from weaverlab.pictures import Picture, still_bundle

POLL_S = 0.5
POLL_SHARE_MAX = 0.1  # of one processor: what draws for longer is drawn less often
VIEWS_MAX = 6  # each costs its deployment a question to every weavelet, twice a second

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Shown:
    picture: Picture
    view: DrawingView
    cell: Cell


class LiveViews:
    """All live views of one shell. One thread draws them anew, and it exists only while there are any."""

    def __init__(self, shell: Any, poll_s: float = POLL_S) -> None:
        self._shell = shell
        self._poll_s = poll_s
        self._refreshing = threading.Lock()  # held while views are drawn anew; taken before `_lock`
        self._lock = threading.Lock()  # guards the two fields below
        self._shown: list[_Shown] = []
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def show(self, picture: Picture) -> None:
        """Show `picture` under the running cell: live if it can be, or else as it is now."""
        cell, drawing = this_cell(self._shell), picture.source()
        if is_static() or not picture.is_live():
            cell.display(still_bundle(drawing), {}, unique_id())
            return
        view = DrawingView(drawing)
        data, metadata = view._repr_mimebundle_()
        cell.display(data, metadata, view.model_id)
        with self._lock:
            replaced = [one for one in self._shown if _is_replaced(one.cell, cell)]
            shown = [*(one for one in self._shown if one not in replaced), _Shown(picture, view, cell)]
            ended, self._shown = shown[:-VIEWS_MAX], shown[-VIEWS_MAX:]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="weaverlab-views", daemon=True)
                self._thread.start()
        for one in replaced:
            one.view.close()
        for one in ended:
            self._end(one)

    def refresh(self) -> None:
        """Draw every view anew now; those whose deployment has stopped are stills when this returns."""
        with self._refreshing:
            for one in self._views():
                self._refresh(one)

    def close(self) -> None:
        """Turn every view into a still, and end the thread."""
        with self._lock:
            ended, self._shown = self._shown, []
        for one in ended:
            self._end(one)
        self._wake.set()

    def _views(self) -> list[_Shown]:
        with self._lock:
            return list(self._shown)

    def _run(self) -> None:
        pause_s = self._poll_s
        while True:
            self._wake.wait(pause_s)
            self._wake.clear()
            with self._lock:
                if not self._shown:
                    self._thread = None
                    return
            began_s = SystemClock.now_s()
            self.refresh()
            pause_s = max(self._poll_s, (SystemClock.now_s() - began_s) / POLL_SHARE_MAX)

    def _refresh(self, one: _Shown) -> None:
        is_live = one.picture.is_live()  # asked first: after the last event there is one more drawing
        try:
            one.view.show(one.picture.source())
        except Exception:  # a deployment may fail in any way at any moment; the next drawing may succeed
            log.debug("cannot draw anew", exc_info=True)
        if is_live:
            return
        with self._lock:
            if one not in self._shown:
                return  # replaced meanwhile
            self._shown.remove(one)
        self._end(one)

    def _end(self, one: _Shown) -> None:
        """Put stills in the place of a view, with its last drawing, and forget it."""
        one.view.freeze()
        # From the cell that runs now: front ends find the place by its id, and nbclient listens to that cell only.
        this_cell(self._shell).display(still_bundle(one.view.drawing), {}, one.view.model_id, update=True)
        one.view.close()


def _is_replaced(old: Cell, new: Cell) -> bool:
    """Return whether `old` is an earlier run of the cell `new`, so that its output is gone."""
    return bool(old.id) and old.id == new.id and old.run != new.run
