"""The `ravine` command and what it does with errors.

Results go to stdout, everything else to stderr. `command.EXIT_CODES` has every exit code.
"""

from __future__ import annotations

import errno
import io
import os
import sys

import click

from ravine._version import __version__
from ravine.cli.group import Entry, Group
from ravine.cli.notes import tell_notes
from ravine.errors import RavineError, readable

_SECTIONS = {
    "Train and look at runs": {
        "train": Entry("ravine.cli.train:train", "Train a network and store the run."),
        "runs": Entry("ravine.cli.runs:runs", "Look at stored runs."),
        "predict": Entry("ravine.cli.predict:predict", "Classify images with the weights of a stored run."),
        "gradcheck": Entry("ravine.cli.gradcheck:gradcheck",
                           "Check the analytic gradient of a network against numerical ones, weight by weight."),
    },
    "Optimizers": {
        "compare": Entry("ravine.cli.compare:compare", "Compare optimizers fairly: tune each with the same budget, run "
                         "the winners with fresh seeds, judge every pair."),
        "optimizers": Entry("ravine.cli.optimizers:optimizers",
                            "List the optimizers, or show one: its equations, hyper-parameters, search space and "
                            "text."),
        "check-optimizer": Entry("ravine.cli.check_optimizer:check_optimizer",
                                 "Put an optimizer through the checks that ravine's own optimizers pass."),
        "paths": Entry("ravine.cli.paths:paths", "Draw the paths of optimizers down a surface of two weights."),
        "compile": Entry("ravine.cli.compile:compile_optimizers",
                         "Compile optimizers for this processor now, so that no run waits for it."),
    },
    "Studies and the reference study": {
        "study": Entry("ravine.cli.study:study", "Run many runs, see how they stand, and report on them."),
        "reproduce": Entry("ravine.cli.reproduce:reproduce", "Run every experiment of the reference study and write "
                           "its tables, figures and claims beside ours."),
    },
    "Data": {
        "datasets": Entry("ravine.cli.datasets:datasets", "List the data sets and where their files are."),
    },
}  # fmt: skip


@click.group(cls=Group, sections=_SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ravine", help="Show the version and exit.")
def ravine() -> None:
    """A laboratory for gradient-based optimization.

    ravine trains small networks with any optimizer at C speed on a plain CPU, and says why a run failed. Start with
    `ravine train`, or with `ravine reproduce`, which runs the reference study. `ravine COMMAND --help` explains a
    command, with examples.
    """


_NOBODY_READS = 128 + 13
"""The exit code when the reader of stdout has closed it, as for other programs that end with SIGPIPE."""


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
        error.message = readable(error.message)  # type: ignore[misc]  # no other code uses this error
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
        return _NOBODY_READS  # as in `ravine optimizers | head -1`; click has replaced stdout
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        # Otherwise Python tries again, when it exits, to write what could not be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            return _NOBODY_READS
        click.echo("ravine: cannot write the output: the disk is full.", err=True)
        return 3
