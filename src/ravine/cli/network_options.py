"""Options that describe a network and its data, shared by the commands that make one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ravine.cli.notes import quiet_option


def _sizes(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Read layer sizes such as 784,300,10."""
    try:
        return tuple(int(size) for size in value.replace("-", ",").split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of whole numbers, for example 784,300,100,100,10.") from None


_OPTIONS = (
    click.option("--batch-size", "-m", type=int, default=10, show_default=True, help="Samples a step."),
    click.option("--seed", type=int, default=0, show_default=True, help="What weights and shuffles derive from."),
    click.option(
        "--layers",
        default="784,300,100,100,10",
        show_default=True,
        callback=_sizes,
        metavar="SIZES",
        help="Layer sizes, inputs first, classes last.",
    ),
    click.option("--activation", default="relu", show_default=True, help="relu, leaky-relu, tanh or sigmoid."),
    click.option("--bias", is_flag=True, help="Give each layer biases."),
    click.option("--softmax", default="shifted", show_default=True, help="shifted, or naive, which can overflow."),
    click.option(
        "--init",
        default="glorot-uniform",
        show_default=True,
        help="glorot-uniform, glorot-normal, he-uniform, he-normal or lecun-normal.",
    ),
    click.option("--dataset", default="mnist", show_default=True, help="A name that `ravine datasets` lists."),
    click.option("--data-dir", type=click.Path(), help="Folder with the data files.  [default: found or downloaded]"),
    click.option("--out", type=click.Path(), help="Folder of runs.  [default: $RAVINE_HOME or runs]"),
    click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document."),
    quiet_option,
)


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
