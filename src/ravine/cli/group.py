"""Groups of commands. A command is imported only when it is used, so that `--help` does not wait for NumPy."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ravine.cli.command import EXIT_CODES, write_lists, write_paragraphs
from ravine.errors import unknown

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@dataclass(frozen=True)
class Entry:
    """The place of a command, and the first sentence of its help."""

    place: str
    sentence: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, name = self.place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


class Group(click.Group):
    """Commands under titles.

    Attributes:
        sections: by title, the entries of its commands by name.
    """

    def __init__(self, *arguments: Any, sections: Mapping[str, Mapping[str, Entry]], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sections = sections
        self.entries = {name: entry for entries in sections.values() for name, entry in entries.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the titles."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command and return it; None if no command has this name."""
        return self.entries[cmd_name].load() if cmd_name in self.entries else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names; for a name that does not exist, suggest the nearest."""
        if args[0] not in self.entries and not args[0].startswith("-"):
            ctx.fail(unknown("command", args[0], self.entries))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin with `incomplete`, with the first sentence of their help, without imports."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(n, help=e.sentence) for n, e in self.entries.items() if n.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help, paragraph by paragraph."""
        write_paragraphs(formatter, self.help or "")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, title by title, and then the options of the group itself."""
        lists = {
            title: [(name, entry.sentence) for name, entry in entries.items()]
            for title, entries in self.sections.items()
        }
        options = [record for each in self.get_params(ctx) if (record := each.get_help_record(ctx)) is not None]
        write_lists(formatter, {**lists, "Options": options})

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes below the help of all commands together."""
        if ctx.parent is None:
            write_lists(formatter, {"Exit codes": [(str(code), meaning) for code, meaning in EXIT_CODES.items()]})
