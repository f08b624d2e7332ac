"""What the words on a command line may be: verbs, in groups that say where one is instead, and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import click


class Verbs(click.Group):
    """Lists its verbs in the order in which they were added: what is needed first comes first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return what click does; for a verb that is not here, say where there is one of that name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            root = ctx.find_root()
            places = [" ".join(path) for path in _paths(root.command) if path[-1] == args[0]]
            if not places:
                raise
            there_is = ", ".join(f"{root.info_name} {place}" for place in places)
            raise click.UsageError(f"{error.format_message()} There is: {there_is}.", ctx) from None


class Number(click.FloatRange):
    """A number within bounds; what is not a number at all, such as `nan`, is within none."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return number


def _paths(command: click.Command) -> Iterator[tuple[str, ...]]:
    """Yield the words that lead to each verb below `command`."""
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield (name,)
            yield from ((name, *path) for path in _paths(one))
