"""`ravine check-optimizer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ravine import choices
from ravine.cli.command import Command
from ravine.cli.layout import paragraph, terminal_width
from ravine.cli.options import FILE_TOO, Names, json_option, option
from ravine.cli.output import print_json, print_text

if TYPE_CHECKING:
    from ravine.conformance import Finding


@click.command(
    "check-optimizer",
    cls=Command,
    examples=[
        ("ravine check-optimizer momentum", "One of ravine's own."),
        ("ravine check-optimizer my_rule.py:my_rule --no-speed", "One in a file of yours, without timing it."),
        ("ravine check-optimizer sgd --stage my_stage.py:my_stage", "A stage in a file of yours, with sgd."),
    ],
    exits={0: "All checks pass.", 1: "A check fails."},
)
@click.argument("optimizer", metavar=FILE_TOO, type=Names(choices.OPTIMIZERS, files=True))
@option("--stage", "stages", multiple=True, metavar=FILE_TOO, type=Names(choices.STAGES, files=True),
        group="The checks", help="A stage to check with the optimizer. May be repeated.")  # fmt: skip
@option("--speed/--no-speed", default=True, show_default=True, group="The checks",
        help="Compare the time of its steps with that of sgd.")  # fmt: skip
@json_option
def check_optimizer(optimizer: str, stages: tuple[str, ...], speed: bool, as_json: bool) -> int:
    """Put an optimizer through the checks that ravine's own optimizers pass.

    NAME is an optimizer that `ravine optimizers` lists, and FILE.py:NAME one in a file of your own, which ravine runs.
    The checks look at its text, hyper-parameters, shapes, claims about zero gradients, descent, and both engines in
    float32 and float64, and its search space. If it names a reference implementation in PyTorch or optax, or another
    optimizer that it contains, they compare the two.
    """
    from ravine.conformance import Conformance, checked, findings_of

    name, summary, composed = checked(optimizer, stages)
    findings = []
    if not as_json:
        print_text(f"{name}: {summary}")
    for finding in findings_of(composed, speed):
        findings.append(finding)
        if not as_json:
            click.echo("\n".join(_lines(finding)))
    found = Conformance(name, summary, tuple(findings))
    if as_json:
        print_json({"optimizer": found.name, "passed": found.passed, "findings": found.findings})
    else:
        click.echo(found.verdict)
    return 0 if found.passed else 1


def _lines(finding: Finding) -> list[str]:
    """Return the lines of a finding that fit the terminal."""
    width, first = terminal_width(), finding.label
    lines = paragraph(finding.detail, width, first=first, indent=len(first))
    if finding.mend:
        lines += paragraph(finding.mend, width, first=" " * len(first), indent=len(first))
    return lines
