"""From the name of an experiment to its `main(options)`. Experiments live in a checkout, not in the package."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from weaverlab.errors import ConfigError, nearest
from weaverlab.experiment.options import Options
from weaverlab.experiment.results import Results

FOLDER = "experiments"
SCRIPT = "run.py"


def run(
    name: str,
    *,
    output: Path | None = None,
    quick: bool = False,
    seed: int = 1,
    seconds: float | None = None,
    repeats: int | None = None,
    stores: Sequence[str] = (),
    rates: Sequence[float] = (),
    delays_ms: Sequence[float] = (),
    graph: Path | None = None,
) -> Results:
    """Run `experiments/NAME/run.py` of this checkout and return what it found; in a notebook it shows itself.

    Args:
        output: where results go, by default `results/NAME`; what an earlier run left there is replaced.
        quick, seed, seconds, repeats, stores, rates, delays_ms, graph: as in `Options`.

    Raises:
        ConfigError: there is no such experiment, or none at all here, or it has no use for what was asked.
    """
    script = find(name)
    into = output or Path("results", name)
    options = Options(into, quick, seed, seconds, repeats, tuple(stores), tuple(rates), tuple(delays_ms), graph)
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError([f"{into}: cannot make this folder for results ({error.strerror})."]) from None
    results = _load(script)(options)
    if results is None:
        raise ConfigError([f"{name}/{SCRIPT}: main() returned nothing: expected what `sweep` returns."])
    return results


def names() -> list[str]:
    """Return the experiments of this checkout."""
    return sorted(script.parent.name for script in folder().glob(f"*/{SCRIPT}"))


def folder() -> Path:
    """Return the folder of experiments: that of the working folder, or of the nearest one above, as for a notebook."""
    here = Path.cwd()
    return next((top / FOLDER for top in (here, *here.parents) if (top / FOLDER).is_dir()), here / FOLDER)


def find(name: str) -> Path:
    """Return the script of experiment `name`."""
    known = names()
    if name in known:
        return (folder() / name / SCRIPT).resolve()
    if not known:
        raise ConfigError([f"no {folder()}/*/{SCRIPT}. Run experiments from the top of a checkout of WeaverLab."])
    raise ConfigError([f"no experiment {name!r}.{nearest(name, known)} There are: {', '.join(known)}."])


def _load(script: Path) -> Callable[[Options], Results]:
    """Import the script; files beside it can be imported, by it and by the weavelets that it starts."""
    forget(script.parents[1])  # those of an experiment that was run before, in a notebook say
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


def forget(folder: Path) -> None:
    """Forget what was imported from the subfolders of `folder`, so that each experiment has its own `app`."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    for name, file in files.items():
        if file is not None and folder in Path(file).parents:
            del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if folder not in Path(entry).parents]
