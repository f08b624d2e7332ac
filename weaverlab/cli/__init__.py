"""The command line. Exit codes: 0, 1 for a failure of the application, 2 for wrong use, 130 after Ctrl-C."""

from weaverlab.cli.main import main

__all__ = ["main"]
