"""Which log entries somebody wants to see."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from weaverlab.errors import UnknownDeployment, nearest
from weaverlab.runtime.logs import LogEntry
from weaverlab.types import LOG_LEVELS

_RANKS = {name.upper(): rank for rank, name in enumerate(LOG_LEVELS)} | {"PRINT": LOG_LEVELS.index("info")}


@dataclass(frozen=True)
class LogFilter:
    """Lets entries of `level` and above pass, and of one component if it is named. Printed lines count as info."""

    level: str = "debug"
    component: str = ""

    def check(self, components: Collection[str]) -> None:
        """Raise UnknownDeployment unless the deployment has the component that was named."""
        if self.component and self.component not in components:
            raise UnknownDeployment(
                f"the deployment has no component {self.component!r}.{nearest(self.component, components)} "
                f"It has: {', '.join(sorted(components))}."
            )

    def passes(self, entry: LogEntry) -> bool:
        """Return whether `entry` is wanted. Levels that we do not know, an author's own, always pass."""
        rank = _RANKS.get(str(entry["level"]), len(LOG_LEVELS))
        return rank >= LOG_LEVELS.index(self.level) and self.component in ("", entry["component"])
