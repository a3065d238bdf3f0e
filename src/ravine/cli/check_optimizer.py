"""`ravine check-optimizer`."""

from __future__ import annotations

import click

from ravine.cli.output import print_json


@click.command("check-optimizer")
@click.argument("optimizer", metavar="NAME|FILE.py:RULE")
@click.option("--speed/--no-speed", default=True, show_default=True, help="Time its steps beside those of sgd.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check_optimizer(optimizer: str, speed: bool, as_json: bool) -> int:
    """Check NAME|FILE.py:RULE by the tests that ravine's own optimizers pass.

    Its text, hyper-parameters, shapes, claims about zero gradients, descent, the same optimizer in PyTorch and optax if
    it names one, and both engines in float32 and float64; exits with 0 if all pass and with 1 if one fails. The file is
    run.
    """
    from ravine.conformance import Conformance, findings_of
    from ravine.formulas.shelves import OPTIMIZERS

    checked = OPTIMIZERS.find(optimizer)
    findings = []
    if not as_json:
        click.echo(f"{checked.name}: {checked.summary}")
    for finding in findings_of(checked, speed):
        findings.append(finding)
        if not as_json:
            click.echo(str(finding))
    found = Conformance(checked.name, checked.summary, tuple(findings))
    if as_json:
        print_json({"optimizer": found.name, "passed": found.passed, "findings": found.findings})
    else:
        click.echo(found.verdict)
    return 0 if found.passed else 1
