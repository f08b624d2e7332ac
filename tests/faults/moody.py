"""A component whose init does what a file says: it may be well when deployed, and not when it is started again."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from weaverlab import Component, WithConfig


@dataclass
class Mood:
    path: str = ""


class Moody(Component, WithConfig[Mood]):
    def init(self) -> None:
        mood = Path(self.config.path).read_text()
        if mood == "fails":
            raise ValueError("no such disk")
        if mood == "exits":
            sys.exit("no such disk")
        if mood == "hangs":
            threading.Event().wait()

    def pid(self) -> int:
        return os.getpid()
