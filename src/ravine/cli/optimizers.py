"""`ravine optimizers`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from ravine import choices
from ravine.cli.command import Command
from ravine.cli.layout import prose, terminal_width
from ravine.cli.options import FILE_TOO, Names, json_option
from ravine.cli.output import print_json, print_table, print_text

if TYPE_CHECKING:
    from ravine.formulas.kinds import Value
    from ravine.formulas.optimizer import Optimizer
    from ravine.search import Axis


@click.command(
    cls=Command,
    examples=[
        ("ravine optimizers", "The list, with defaults."),
        ("ravine optimizers adam", "The page of one of them."),
    ],
)
@click.argument("name", metavar=f"[{FILE_TOO}]", required=False, type=Names(choices.OPTIMIZERS, files=True))
@json_option
def optimizers(name: str | None, as_json: bool) -> None:
    """List the optimizers, or show one: its equations, hyper-parameters, search space and text.

    NAME is an optimizer of the list, and FILE.py:NAME one in a file of your own, which ravine runs. The list has the
    optimizers of installed packages too, each with its package. Of one, it shows as well where a comparison searches
    its hyper-parameters, and which others it contains.
    """
    from ravine.formulas.shelves import OPTIMIZERS

    if name and not as_json:
        _show(OPTIMIZERS.find(name))
        return
    if name:
        print_json({"optimizers": [_facts(OPTIMIZERS.find(name), _source(name))]})
        return
    found = [*((label, optimizer, "ravine") for label, optimizer in OPTIMIZERS.items()), *_installed()]
    if as_json:
        listed = [{**_facts(optimizer, package), "name": label} for label, optimizer, package in found]
        print_json({"optimizers": listed})
    else:
        rows = [(label, package, _defaults(optimizer), _purpose(optimizer)) for label, optimizer, package in found]
        print_table(("name", "from", "defaults", "what it does"), rows)


def _source(name: str) -> str | None:
    """Return the package that an optimizer comes from, None if it is a file's."""
    from ravine.formulas.shelf import package_of
    from ravine.formulas.shelves import OPTIMIZERS

    if name in OPTIMIZERS:
        return "ravine"
    point = OPTIMIZERS.installed().get(name)
    return package_of(point) if point else None


def _installed() -> list[tuple[str, Optimizer, str]]:
    """Return those of installed packages with their names and packages; one that is broken is told on stderr."""
    from ravine.errors import ConfigError
    from ravine.formulas.shelf import package_of
    from ravine.formulas.shelves import OPTIMIZERS

    found = []
    for label, point in sorted(OPTIMIZERS.installed().items()):
        if label in OPTIMIZERS:
            click.echo(
                f"ravine: {label} of the package {package_of(point)} has the name of ravine's own, which is taken.",
                err=True,
            )
            continue
        try:
            found.append((label, OPTIMIZERS.find(label), package_of(point)))
        except ConfigError as error:
            click.echo(f"ravine: {error}", err=True)
    return found


def _facts(optimizer: Optimizer, package: str | None) -> dict[str, Any]:
    """Describe an optimizer; one of whole matrices has no slots that could be named."""
    formula = optimizer.formula
    return {
        "name": optimizer.name,
        "summary": optimizer.summary,
        "slots": None if formula is None else formula.slots,
        "inert": formula is not None and formula.inert,
        "defaults": _typed(optimizer),
        "bounds": dict(optimizer.bounds),
        "space": _space(optimizer)[0],
        "contains": {name: optimizer.typed(fixed) for name, fixed in optimizer.contains.items()},
        "package": package,
    }


def _show(optimizer: Optimizer) -> None:
    from ravine.formulas.containing import containing
    from ravine.formulas.kinds import shown

    doc, text = inspect.getdoc(optimizer.function), optimizer.text  # a fault in the text ends the command here
    click.echo(f"{optimizer.name}\n")
    if doc:
        click.echo("\n".join([*prose(doc, terminal_width()), ""]))
    space, fault = _space(optimizer)
    rows = [
        (
            key,
            "-" if value is None else shown(value),
            optimizer.domain(key),
            str(space[key]) if space and key in space else "-",
        )
        for key, value in _typed(optimizer).items()
    ]
    print_table(("hyper-parameter", "default", "allowed", "searched"), rows)
    for sentence in filter(None, [fault, containing(optimizer)]):
        click.echo("")
        print_text(sentence)
    click.echo(f"\n{text}")


def _space(optimizer: Optimizer) -> tuple[dict[str, Axis] | None, str]:
    """Return the space in which an optimizer is searched; None and the reason if there is none."""
    from ravine.errors import ConfigError
    from ravine.formulas.space import space_of

    try:
        return space_of(optimizer), ""
    except ConfigError as error:
        return None, f"It has no search space: {error}"


def _defaults(optimizer: Optimizer) -> str:
    from ravine.formulas.kinds import shown

    return ", ".join(f"{key} {shown(value)}" for key, value in _typed(optimizer).items() if value is not None)


def _typed(optimizer: Optimizer) -> dict[str, Value | None]:
    """Return the defaults as their user sees them, None for what must be given."""
    given = {name: value for name, value in optimizer.defaults.items() if value is not None}
    return {**dict.fromkeys(optimizer.defaults), **optimizer.typed(given)}


def _purpose(optimizer: Optimizer) -> str:
    """Return the first line of the docstring without the name in front of it."""
    name, colon, purpose = optimizer.summary.partition(": ")
    return (purpose if colon else name).rstrip(".")
