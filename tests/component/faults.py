"""What tests of wrong declarations share: the faults that building an application reports."""

from __future__ import annotations

import pytest

from weaverlab.component import build_application
from weaverlab.errors import DeclarationError


def faults_of(*roots: object) -> tuple[str, ...]:
    """Return the faults of an application that must not be built."""
    with pytest.raises(DeclarationError) as caught:
        build_application(roots)
    return caught.value.faults


def fault_of(*roots: object) -> str:
    """Return the one and only fault of an application."""
    (fault,) = faults_of(*roots)
    return fault
