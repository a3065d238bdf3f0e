"""`ravine optimizers`."""

from __future__ import annotations

import inspect

import click

from ravine.cli.output import print_json, print_table


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def optimizers(name: str | None, as_json: bool) -> None:
    """List the optimizers, or show one by its NAME: its equations, defaults and source."""
    from ravine.rules import RULES, find_rule

    chosen = [find_rule(name)] if name else list(RULES.values())
    if as_json:
        fields = ("name", "summary", "slots", "inert")
        print_json(
            [
                {**{f: getattr(rule, f) for f in fields}, "defaults": dict(rule.defaults), "bounds": dict(rule.bounds)}
                for rule in chosen
            ]
        )
    elif name:
        click.echo(f"{name}\n\n{inspect.getdoc(chosen[0].function)}")
    else:
        rows = [
            (
                rule.name,
                ", ".join(f"{key} {value:g}" for key, value in rule.defaults.items() if value is not None),
                rule.summary.partition(": ")[2].rstrip("."),
            )
            for rule in chosen
        ]
        print_table(("name", "defaults", "what it does"), rows)
