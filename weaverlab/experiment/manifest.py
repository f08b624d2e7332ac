"""What one must know to repeat a run: versions, seed, configuration, machine, commit. Written beside every result."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from weaverlab.clock import SystemClock

GIT_TIMEOUT_S = 5.0


def manifest(experiment: str, options: Mapping[str, object], config: str) -> dict[str, Any]:
    """Return the facts about a run that begins now.

    Args:
        options: what decides the figures, such as seed, rate and duration, defaults filled in; JSON-ready.
        config: the text of its weaver.toml.
    """
    return {
        "experiment": experiment,
        "started": datetime.fromtimestamp(SystemClock.wall_s(), timezone.utc).isoformat(timespec="seconds"),
        "options": dict(options),
        "commit": commit(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": versions(),
        "platform": platform.platform(),
        "processors": len(os.sched_getaffinity(0)),
        "processor": processor(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "config": config,
    }


def versions() -> dict[str, str]:
    """Return the installed versions of weaverlab and of what it depends on; of its extras, those that are here."""
    required = {re.split(r"[^\w.-]", requirement)[0] for requirement in metadata.requires("weaverlab") or ()}
    found = {}
    for name in ["weaverlab", *sorted(required)]:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # an extra that is not installed here
    return found


def commit() -> str | None:
    """Return the commit of the working folder, with `-dirty` when there are changes; None where there is no git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()


def processor() -> str:
    """Return the name of the machine's processor, as Linux knows it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()
