"""The `ravine` command and what it does with errors.

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 a bug or a check that fails, 2 usage, 3 bad
configuration or data, 4 no source had the data, 5 some runs of a study failed, 6 a check cannot tell, 130 and 143 for
Ctrl-C and SIGTERM, 141 when nobody reads the output any more. A diverged run is a result.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys

import click

from ravine._version import __version__
from ravine.cli.notes import tell_notes
from ravine.errors import RavineError, readable, unknown

_COMMANDS = {
    "reproduce": "ravine.cli.reproduce",
    "train": "ravine.cli.train",
    "gradcheck": "ravine.cli.gradcheck",
    "study": "ravine.cli.study",
    "predict": "ravine.cli.predict",
    "runs": "ravine.cli.runs",
    "optimizers": "ravine.cli.optimizers",
    "check-optimizer": "ravine.cli.check_optimizer",
    "compile": "ravine.cli.compile",
    "paths": "ravine.cli.paths",
    "datasets": "ravine.cli.datasets",
}

_FUNCTIONS = {"check-optimizer": "check_optimizer", "compile": "compile_optimizers"}
"""The names of commands in their modules, where they differ."""


_NOBODY_READS = 128 + 13
"""Of a process that ends with SIGPIPE, as others do."""


class _LazyGroup(click.Group):
    """Imports a command's module when the command is used: `--help` needs none of NumPy and Numba."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(importlib.import_module(_COMMANDS[cmd_name]), _FUNCTIONS.get(cmd_name, cmd_name))
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            ctx.fail(unknown("command", args[0], _COMMANDS))
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ravine")
def ravine() -> None:
    """A laboratory for gradient-based optimization.

    Trains small networks with any optimizer at C speed on a plain CPU, and says why a run failed. Start with
    `ravine train`, or with `ravine reproduce`, which runs a whole published study and judges its claims.
    """


def main() -> None:
    """Run the command line and exit with its code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started the command closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the name of a file may hold bytes that are no letters
    tell_notes()
    output = sys.stdout
    try:
        code = ravine.main(arguments, prog_name="ravine", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.message = readable(error.message)  # type: ignore[misc]  # nobody else has it
        error.show()
        return error.exit_code
    except RavineError as error:
        click.echo(f"ravine: {error}", err=True)
        return error.exit_code
    except MemoryError as error:
        click.echo(f"ravine: there is not enough memory ({error}): take a smaller network or batch.", err=True)
        return 3
    except (click.Abort, KeyboardInterrupt):
        click.echo("ravine: interrupted.", err=True)
        return 130
    except SystemExit:
        if sys.stdout is output:
            raise
        return _NOBODY_READS  # as in `ravine optimizers | head -1`; click has put something else in the place of stdout
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        # Python must not try again to write what did not go out when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            return _NOBODY_READS
        click.echo("ravine: cannot write the output: the disk is full.", err=True)
        return 3
