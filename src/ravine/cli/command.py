"""Commands whose help has options under titles, examples that run, and exit codes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import click

from ravine.cli.options import OUTPUT
from ravine.settings import DATA, WHERE

EXIT_CODES = {
    0: "Done; a run that diverged is a result.",
    1: "A check fails, or there is a bug in ravine.",
    2: "The command line cannot be understood.",
    3: "A setting is not allowed, or a file is missing or damaged or cannot be written.",
    4: "The data could not be downloaded from any source.",
    5: "Some runs of the study failed.",
    6: "The check cannot tell.",
    130: "Stopped by Ctrl-C.",
    141: "The program that read the output has closed it.",
    143: "Stopped by SIGTERM.",
}
"""Every exit code with its meaning, unless a command gives a more exact one."""

TRAINS = {
    4: EXIT_CODES[4],
    130: "Stopped by Ctrl-C; the same command goes on.",
    143: "Stopped by SIGTERM; the same command goes on.",
}
"""Exit codes of commands that load data and train."""

_LAST = (DATA, WHERE, OUTPUT)
_WIDEST = 30
"""The most letters of a term that shares a line with its explanation; a wider one has a line of its own."""

_LEAST = 36
"""The least width of the explanations beside the terms; with less, they stand below the terms."""

_INDENT = 2


class Command(click.Command):
    """A command whose help has options under titles, examples and exit codes.

    Attributes:
        examples: command lines, each with a sentence about it.
        exits: its exit codes besides 0, 2 and 3, and those that have a more exact meaning in this command.
    """

    def __init__(
        self,
        *arguments: Any,
        examples: Sequence[tuple[str, str]],
        exits: Mapping[int, str] = MappingProxyType({}),
        **settings: Any,
    ) -> None:
        super().__init__(*arguments, **settings)
        self.examples = examples
        own = {0: "Done.", 2: EXIT_CODES[2], 3: EXIT_CODES[3], **exits}
        self.exits = dict(sorted(own.items()))

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help, paragraph by paragraph."""
        write_paragraphs(formatter, self.help or "")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, title by title."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                groups.setdefault(getattr(parameter, "group", OUTPUT), []).append(record)
        titles = sorted(groups, key=lambda title: _LAST.index(title) if title in _LAST else -1)
        write_lists(formatter, {title: groups[title] for title in titles})

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the exit codes."""
        write_examples(formatter, self.examples)
        write_lists(formatter, {"Exit codes": [(str(code), meaning) for code, meaning in self.exits.items()]})


def write_paragraphs(formatter: click.HelpFormatter, text: str) -> None:
    """Write paragraphs that have an empty line between them."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        formatter.write_paragraph()
        _write(formatter, paragraph, _INDENT)


def write_examples(formatter: click.HelpFormatter, examples: Sequence[tuple[str, str]]) -> None:
    """Write each example in a line of its own, and below it what it does."""
    with formatter.section("Examples" if len(examples) > 1 else "Example"):
        for line, purpose in examples:
            formatter.write(f"{_command_line(line, formatter.width)}\n")
            _write(formatter, purpose, _INDENT + 4)


def _command_line(line: str, width: int) -> str:
    """Break a command line, if it is too long, where the shell reads on; an option stays with its value."""
    if _INDENT + len(line) <= width:
        return f"{'':{_INDENT}}{line}"
    together = re.sub(r" (--?[a-z-]+) (?=[^-])", " \\1\0", line)
    parts = textwrap.wrap(together, width - 5 * _INDENT, break_on_hyphens=False, break_long_words=False)
    return f"{'':{_INDENT}}" + f" \\\n{'':{4 * _INDENT}}".join(parts).replace("\0", " ")


def write_lists(formatter: click.HelpFormatter, lists: Mapping[str, Sequence[tuple[str, str]]]) -> None:
    """Write lists of terms and what they mean, each below its title, in columns that are the same in all of them.

    On a narrow terminal what a term means stands below it.
    """
    terms = [term for records in lists.values() for term, _ in records]
    column = max((len(term) for term in terms if len(term) <= _WIDEST), default=0) + 2 * _INDENT
    narrow = formatter.width - column < _LEAST
    for title, records in lists.items():
        with formatter.section(title):
            for term, meaning in records:
                if narrow or len(term) > _WIDEST:
                    _write(formatter, term, _INDENT)
                    _write(formatter, meaning, 3 * _INDENT if narrow else column)
                else:
                    _write(formatter, meaning, column, first=f"{'':{_INDENT}}{term}".ljust(column))


def _write(formatter: click.HelpFormatter, text: str, indent: int, first: str | None = None) -> None:
    """Write a paragraph whose lines do not break at a hyphen, as in --batch-size and he-normal."""
    margin = " " * indent
    lines = textwrap.wrap(
        " ".join(text.split()),
        formatter.width,
        initial_indent=margin if first is None else first,
        subsequent_indent=margin,
        break_on_hyphens=False,
        break_long_words=False,
    )
    formatter.write("".join(f"{line}\n" for line in lines))


def first_sentence(text: str) -> str:
    """Return the first sentence of a help.

    >>> first_sentence("Draw paths of optimizers, as FILE.py:NAME too. They go down.")
    'Draw paths of optimizers, as FILE.py:NAME too.'
    """
    return re.split(r"(?<=\.)\s", " ".join(text.split()))[0]
