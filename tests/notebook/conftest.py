"""One kernel for the tests that leave it as they found it, and new ones for those that break it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.notebook.kernel import Kernel


@pytest.fixture(scope="session")
def kernel_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of this session without anybody's own settings of Jupyter and IPython."""
    home = tmp_path_factory.mktemp("home")
    places = {"IPYTHONDIR": home, "JUPYTER_CONFIG_DIR": home, "JUPYTER_DATA_DIR": home, "JUPYTER_RUNTIME_DIR": home}
    return {**os.environ, **{name: str(path) for name, path in places.items()}, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


@pytest.fixture(scope="session")
def _shared_kernel(tmp_path_factory: pytest.TempPathFactory, kernel_environment: dict[str, str]) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path_factory.mktemp("notebook"), kernel_environment)
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(_shared_kernel: Kernel) -> Iterator[Kernel]:
    """A kernel in which nothing is defined and nothing deployed."""
    yield _shared_kernel
    _shared_kernel.run("%weaver stop")
    _shared_kernel.run("%reset -f")


@pytest.fixture
def new_kernel(tmp_path: Path, kernel_environment: dict[str, str]) -> Iterator[Callable[..., Kernel]]:
    """Make kernels of its own for a test; each costs a second."""
    made: list[Kernel] = []

    def make(**environment: str) -> Kernel:
        made.append(Kernel(tmp_path, {**kernel_environment, **environment}))
        return made[-1]

    yield make
    for kernel in made:
        kernel.close(now=True)
