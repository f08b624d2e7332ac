"""The process of one round: measures one suite, once, and ends. `python -m benchmarks.child SPEC RESULT`.

SPEC is JSON: "suite" is a module of this folder with `measure(spec)`, "cpu" the processor to stay on, or null.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any


def main(spec_text: str, result: str) -> None:
    spec: dict[str, Any] = json.loads(spec_text)
    if spec["cpu"] is not None:
        os.sched_setaffinity(0, {spec["cpu"]})  # children inherit it
    rows = importlib.import_module(f"benchmarks.{spec['suite']}").measure(spec)
    Path(result).write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
