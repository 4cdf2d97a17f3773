"""Groups of commands: a mistyped one is answered by the nearest, and a command's module is imported when it is used."""

from __future__ import annotations

import importlib

import click

from levada.errors import did_you_mean


class Group(click.Group):
    """A group that suggests a command for a mistyped one, and lists commands in the order they are added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = self.find_command(ctx, cmd_name)
        if command is not None and command.help:
            command.help = command.help.replace("\\b\n", "\b\n")  # as a raw docstring has it
        return command

    def find_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name, None if there is none."""
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = did_you_mean(args[0], self.list_commands(ctx))
            if not hint or hint in error.message:
                raise
            raise click.UsageError(f"{error.message} {hint}", ctx=error.ctx) from None


class LazyGroup(Group):
    """A group that knows its commands by name and place: `{"run": "levada.cli.pipelines:run"}`."""

    def __init__(self, places: dict[str, str], **attributes: object) -> None:
        super().__init__(**attributes)  # pyright: ignore[reportArgumentType]
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._places)

    def find_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._places:
            return None
        module, _, name = self._places[cmd_name].partition(":")
        return getattr(importlib.import_module(module), name)
