"""The notebook: `%load_ext weaverlab` brings the `%weaver` magic, live pictures, and output under its cell.

`current` works without IPython; what needs a shell is imported when the extension is loaded.
"""

from __future__ import annotations

from typing import Any

from weaverlab.notebook.session import current

__all__ = ["current", "load", "unload"]


def load(shell: Any) -> None:
    """Install everything in `shell`, an IPython shell. Loading twice is harmless."""
    from weaverlab.notebook import extension

    extension.load(shell)


def unload(shell: Any) -> None:
    """Stop what `%weaver` deployed and take everything out of `shell` again."""
    from weaverlab.notebook import extension

    extension.unload(shell)
