"""What commands write: text or JSON on standard output, or a file. Colours are for terminals only."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from weaverlab.errors import ConfigError

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs; its keys do not change.")


def wants_colours() -> bool:
    """Return whether standard output is a terminal whose user has not asked for plain text (NO_COLOR)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def print_text(text: str) -> None:
    """Print `text` and a line's end."""
    click.echo(text, color=True)  # which decided on colours itself


def print_json(value: object, *, on_one_line: bool = False) -> None:
    """Print `value` as JSON, for people to read as well or one value a line."""
    print_text(json.dumps(value, ensure_ascii=False, indent=None if on_one_line else 2))


def write(content: str | bytes, path: Path) -> None:
    """Write `content` to a file. Raises ConfigError when that cannot be."""
    try:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise ConfigError([f"--output {path}: {error.strerror}. Give a path that can be written."]) from None
