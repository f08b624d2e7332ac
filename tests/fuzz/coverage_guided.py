"""The same checks, with inputs that atheris grows from the recorded conversations wherever they reach new code.

Run by `make fuzz` as a process of its own, since libFuzzer does not return: `python -m tests.fuzz.coverage_guided
FOLDER`, where FOLDER is for the corpus, with libFuzzer's options behind it.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found]  # no dependency: it has wheels for Linux on x86-64 only

with atheris.instrument_imports(include=["weaverlab.wire"]):
    from tests.fuzz.corpus import Case
    from tests.fuzz.mutations import Mutant
    from tests.fuzz.recording import recorded
    from tests.fuzz.relay import Said
    from weaverlab.wire import Mode

# The first byte of an input says who hears the rest of it.
KINDS = list(itertools.product(Mode, Said, (True, False)))


def check(data: bytes) -> None:
    """Check one input. Raises AssertionError, which libFuzzer reports with the input."""
    if data:
        mode, sender, is_handshake = KINDS[data[0] % len(KINDS)]
        Case(mode, sender, is_handshake, Mutant("grown", data[1:])).check()


def write_seeds(folder: Path) -> None:
    """Write what was recorded, as a whole and piece by piece."""
    for number, (mode, sender, is_handshake) in enumerate(KINDS):
        side = recorded(mode).said(sender)
        pieces = side.handshake if is_handshake else side.frames
        for name, piece in enumerate((b"".join(pieces), *pieces)):
            (folder / f"{number}-{name}").write_bytes(bytes([number]) + piece)


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
