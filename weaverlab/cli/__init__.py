"""The command line, as a tree of click commands; `endings` says what exit codes mean."""

from weaverlab.cli.main import invoke, main, weaverlab

__all__ = ["invoke", "main", "weaverlab"]
