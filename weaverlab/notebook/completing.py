"""What the Tab key offers after `%weaver`: names of this notebook, and what the command line completes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from click.shell_completion import ShellComplete

from weaverlab.cli import tree
from weaverlab.notebook.arguments import OPTIONS, RUN_OPTIONS, VERBS

FILE_ENDINGS = (".py", ".toml")


def completions(words: Sequence[str], incomplete: str, components: Sequence[str]) -> list[str]:
    """Return what may follow `words`, which come after `%weaver`, in the place of `incomplete`; IPython picks."""
    if not words:
        return list(VERBS)
    if words[0] == "deploy":
        return [*components, *OPTIONS]
    if words[0] == "run":
        return [*_files(incomplete), *RUN_OPTIONS]
    found = ShellComplete(tree.weaverlab, {}, "", "").get_completions(list(words), incomplete)
    names = [item.value for item in found if item.type == "plain"]
    return names + (_files(incomplete) if any(item.type == "file" for item in found) else [])


def _files(beginning: str) -> list[str]:
    """Return the applications and configurations in the folder that `beginning` leads to, and the folders there."""
    folder = Path(beginning) if beginning.endswith("/") else Path(beginning).parent
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        f"{path}/" if path.is_dir() else str(path) for path in paths if path.is_dir() or path.suffix in FILE_ENDINGS
    ]
