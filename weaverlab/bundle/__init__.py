"""Shipping the code of a notebook, or of a script that runs as `__main__`, to other processes.

`build` collects the definitions that the classes of an application need, `install` makes them again in the
`__main__` of another process, after which plain pickle finds the classes of the notebook there by name.
The rule of what travels as source and what as a value is in `rules`. Not in here: how bytes get to a process.
"""

from weaverlab.bundle.build import build, is_stale
from weaverlab.bundle.cells import Cell
from weaverlab.bundle.install import install
from weaverlab.bundle.model import Bundle

__all__ = ["Bundle", "Cell", "build", "install", "is_stale"]
