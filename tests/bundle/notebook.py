"""A notebook without a kernel, and the other process that gets its code.

`Notebook` runs cells as a shell does: one namespace, called `__main__`, one history, sources in linecache.
`Child` is a real second interpreter. It gives each bundle a `__main__` of its own, so that one child
serves many tests. The real shell is tested in `test_real_shell`.
"""

from __future__ import annotations
import __future__

import linecache
import os
import pickle
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from weaverlab.bundle import Bundle, build

# In a notebook a `from __future__ import` lasts from one cell to the next.
FUTURE_ANNOTATIONS = __future__.annotations.compiler_flag
ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("child.py")


class Notebook:
    """Cells that were run, one after the other, in a namespace of their own."""

    def __init__(self, *cells: str, name: str = "notebook") -> None:
        self.module = types.ModuleType("__main__")
        self.namespace: dict[str, Any] = vars(self.module)
        self.namespace["_ih"] = [""]
        self._name = name
        self._flags = 0
        for cell in cells:
            self.run(cell)

    def run(self, source: str) -> None:
        history = self.namespace["_ih"]
        filename = f"<{self._name}-{len(history)}>"
        history.append(source)
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        with self.as_main():
            code = compile(source, filename, "exec", self._flags, dont_inherit=True)
            self._flags |= code.co_flags & FUTURE_ANNOTATIONS
            exec(code, self.namespace)

    @contextmanager
    def as_main(self) -> Iterator[None]:
        before = sys.modules["__main__"]
        sys.modules["__main__"] = self.module
        try:
            yield
        finally:
            sys.modules["__main__"] = before

    def build(self, *roots: str) -> Bundle:
        with self.as_main():
            return build([self.namespace[root] for root in roots])

    def dumps(self, expression: str) -> bytes:
        with self.as_main():
            return pickle.dumps(eval(expression, self.namespace))

    def loads(self, data: bytes) -> Any:
        with self.as_main():
            return pickle.loads(data)


class Child:
    """Another interpreter. `ask` installs a bundle there and calls `Root().run(*arguments)`, by plain pickle."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )

    def ask(self, bundle: Bundle, arguments: bytes = pickle.dumps(())) -> bytes:
        """Return the pickled result; raise RuntimeError with the child's traceback if there is none."""
        assert self._process.stdin is not None and self._process.stdout is not None
        pickle.dump((bundle.to_bytes(), arguments), self._process.stdin)
        self._process.stdin.flush()
        ok, answer = pickle.load(self._process.stdout)
        if not ok:
            raise RuntimeError(answer)
        return answer

    def close(self) -> None:
        self._process.kill()  # it may be stuck in what a test asked for, and has nothing to tidy up
        self._process.communicate()
