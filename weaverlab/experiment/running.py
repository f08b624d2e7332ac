"""From the name of an experiment to its `main(options)`. Experiments live in a checkout, not in the package."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaverlab.errors import ConfigError, nearest

FOLDER = Path("experiments")
SCRIPT = "run.py"


@dataclass(frozen=True)
class Options:
    """What an experiment is asked for. `rate` (requests a second) and `seconds` are its own choice when None.

    `quick` asks for a run that shows that it works, with too few requests to cite.
    """

    output: Path
    quick: bool = False
    seed: int = 1
    rate: float | None = None
    seconds: float | None = None


def run(
    name: str,
    *,
    output: Path | None = None,
    quick: bool = False,
    seed: int = 1,
    rate: float | None = None,
    seconds: float | None = None,
) -> None:
    """Run `experiments/NAME/run.py` of the working folder; results go to `output`, by default `results/NAME`.

    Raises:
        ConfigError: there is no such experiment, or none at all here.
    """
    script = find(name)
    options = Options(output or Path("results", name), quick, seed, rate, seconds)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError([f"{options.output}: cannot make this folder for results ({error.strerror})."]) from None
    _load(script)(options)


def names() -> list[str]:
    """Return the experiments of the working folder."""
    return sorted(script.parent.name for script in FOLDER.glob(f"*/{SCRIPT}"))


def find(name: str) -> Path:
    """Return the script of experiment `name`."""
    known = names()
    if name in known:
        return (FOLDER / name / SCRIPT).resolve()
    if not known:
        raise ConfigError(
            [f"no {FOLDER}/*/{SCRIPT} in {Path.cwd()}. Run experiments from the top of a checkout of WeaverLab."]
        )
    raise ConfigError([f"no experiment {name!r}.{nearest(name, known)} There are: {', '.join(known)}."])


def _load(script: Path) -> Callable[[Options], Any]:
    """Import the script; files beside it can be imported, by it and by the weavelets that it starts."""
    sys.path.insert(0, str(script.parent))
    spec = importlib.util.spec_from_file_location(f"{script.parent.name}_run", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    main = getattr(module, "main", None)
    if not callable(main):
        raise ConfigError([f"{script.parent.name}/{SCRIPT} defines no main(options: Options)."])
    return main  # type: ignore[no-any-return]
