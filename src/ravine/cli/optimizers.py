"""`ravine optimizers`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from ravine import choices
from ravine.cli.command import Command
from ravine.cli.options import FILE_TOO, Names, json_option
from ravine.cli.output import print_json, print_table

if TYPE_CHECKING:
    from ravine.formulas.kinds import Value
    from ravine.optimizers import AnyRule


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
    """List the optimizers, or show one: its equations, hyper-parameters and text.

    NAME is one of the list, and FILE.py:NAME one in a file of your own, which is run. Those that installed packages
    offer are listed with their package.
    """
    from ravine.optimizers import RULES, WHOLE_RULES, find_rule

    if name and not as_json:
        _show(find_rule(name))
        return
    if name:
        print_json([_facts(find_rule(name), _source(name))])
        return
    own: dict[str, AnyRule] = {**RULES, **WHOLE_RULES}
    found = [*((label, rule, "ravine") for label, rule in own.items()), *_installed()]
    if as_json:
        print_json([{**_facts(rule, package), "name": label} for label, rule, package in found])
    else:
        rows = [(label, package, _defaults(rule), _purpose(rule)) for label, rule, package in found]
        print_table(("name", "from", "defaults", "what it does"), rows)


def _source(name: str) -> str | None:
    """Return the package that a rule comes from, None if it is a file's."""
    from ravine.formulas import loading
    from ravine.optimizers import RULES, WHOLE_RULES

    if name in RULES or name in WHOLE_RULES:
        return "ravine"
    point = loading.installed().get(name)
    return loading.package_of(point) if point else None


def _installed() -> list[tuple[str, AnyRule, str]]:
    """Return the rules of installed packages with their names and packages; one that is broken is told on stderr."""
    from ravine.errors import ConfigError
    from ravine.formulas import loading
    from ravine.optimizers import RULES, WHOLE_RULES

    found = []
    for label, point in sorted(loading.installed().items()):
        if label in RULES or label in WHOLE_RULES:
            package = loading.package_of(point)
            click.echo(
                f"ravine: {label} of the package {package} has the name of ravine's own, which is taken.", err=True
            )
            continue
        try:
            found.append((label, loading.from_package(point), loading.package_of(point)))
        except ConfigError as error:
            click.echo(f"ravine: {error}", err=True)
    return found


def _facts(rule: AnyRule, package: str | None) -> dict[str, Any]:
    """Describe a rule; one of whole matrices has no slots that could be named."""
    facts = {"name": rule.name, "summary": rule.summary, "slots": getattr(rule, "slots", None)}
    return {
        **facts,
        "inert": getattr(rule, "inert", False),
        "defaults": _typed(rule),
        "bounds": dict(rule.bounds),
        "package": package,
    }


def _show(rule: AnyRule) -> None:
    from ravine.formulas.identity import read_whole
    from ravine.formulas.kinds import shown
    from ravine.formulas.source import read_rule
    from ravine.optimizers import WholeRule

    body = read_whole(rule) if isinstance(rule, WholeRule) else read_rule(rule).text
    doc = inspect.getdoc(rule.function)
    click.echo(f"{rule.name}\n")
    if doc:
        click.echo(f"{doc}\n")
    rows = [(key, "-" if value is None else shown(value), rule.domain(key)) for key, value in _typed(rule).items()]
    print_table(("hyper-parameter", "default", "allowed"), rows)
    click.echo(f"\n{body}")


def _defaults(rule: AnyRule) -> str:
    from ravine.formulas.kinds import shown

    return ", ".join(f"{key} {shown(value)}" for key, value in _typed(rule).items() if value is not None)


def _typed(rule: AnyRule) -> dict[str, Value | None]:
    """Return the defaults as their user sees them, None for what must be given."""
    given = {name: value for name, value in rule.defaults.items() if value is not None}
    return {**dict.fromkeys(rule.defaults), **rule.typed(given)}


def _purpose(rule: AnyRule) -> str:
    """Return the first line of the docstring without the name in front of it."""
    name, colon, purpose = rule.summary.partition(": ")
    return (purpose if colon else name).rstrip(".")
