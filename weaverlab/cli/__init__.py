"""The command line; `tree` holds the verbs, and `endings` says what exit codes mean."""

from __future__ import annotations


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from weaverlab.cli import interrupts

    interrupts.end_at_once()
    from weaverlab.cli import tree

    tree.run_and_exit()


__all__ = ["main"]
