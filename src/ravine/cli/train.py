"""`ravine train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ravine.cli.network_options import network_options
from ravine.cli.output import number, percent, print_json

if TYPE_CHECKING:
    from ravine.formulas.kinds import Value
    from ravine.training import Result


def _assignments(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Value]:
    """Read each NAME=VALUE."""
    from ravine.formulas.kinds import value_of

    pairs = {}
    for text in values:
        name, equals, value = text.partition("=")
        try:
            pairs[name.strip()] = value_of(value)
        except ValueError:
            equals = ""
        if not (name.strip() and equals):
            raise click.BadParameter(
                f"{text!r} is not NAME=VALUE, with a number, true or false, for example alpha=0.5."
            )
    return pairs


def _factors(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
    """Read each NAME=FACTOR,FACTOR,.."""
    factors = {}
    for text in values:
        name, _, numbers = text.partition("=")
        try:
            factors[name.strip()] = tuple(float(number) for number in numbers.split(","))
        except ValueError:
            raise click.BadParameter(f"{text!r} is not NAME=FACTOR,FACTOR,.., for example lr=1,1,1,0.1.") from None
    return factors


@click.command()
@click.option("--optimizer", default="sgd", show_default=True, metavar="NAME|FILE.py:RULE",
              help="A name that `ravine optimizers` lists, or a rule in a file of your own, which is run.")  # fmt: skip
@click.option("--lr", type=float, help="Learning rate.  [default: the optimizer's]")
@click.option("--set", "hyperparameters", multiple=True, metavar="NAME=VALUE", callback=_assignments,
              help="A setting of optimizer or schedule, as alpha=0.5; a flag is true or false.")  # fmt: skip
@click.option("--final-lr", type=float, help="Rate that decay heads for; alone, it means linear decay.")
@click.option("--schedule", metavar="NAME|FILE.py:NAME",
              help="Of the learning rate, as step, cosine or one_cycle, or one in a file of your own, which is run.  "
                   "[default: constant]")  # fmt: skip
@click.option("--schedule-by", type=click.Choice(["epoch", "step"]), default="epoch", show_default=True,
              help="Whether the rate changes by epoch or by step.")  # fmt: skip
@click.option("--warmup", type=float, default=0, help="Epochs in which the rate climbs first.  [default: 0]")
@click.option("--largest-batch", type=int, metavar="SAMPLES",
              help="Grow the batch up to this where the schedule would lower the rate.")  # fmt: skip
@click.option("--per-layer", multiple=True, metavar="NAME=FACTORS", callback=_factors,
              help="Multiply lr or another hyper-parameter by a factor in each layer, as lr=1,1,0.1.")  # fmt: skip
@click.option("--epochs", type=int, default=10, show_default=True, help="Passes over the training data.")
@click.option("--engine", default="fused", show_default=True, help="fused, or reference, plain NumPy.")
@click.option("--dtype", default="float32", show_default=True, help="float32 or float64.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run of the same settings, bit for bit.")
@click.option("--fresh", is_flag=True, help="Train anew even if the run is stored.")
@network_options
def train(as_json: bool, quiet: bool, layers: tuple[int, ...], **settings: Any) -> int:
    """Train a network and store the run.

    The defaults are a 784-300-100-100-10 network on MNIST with plain SGD. The same settings and seed give the
    same bits. A run that is stored already is shown at once.
    """
    from ravine.api import run_spec
    from ravine.cli.progress import watching
    from ravine.errors import ConfigError
    from ravine.spec import SETTINGS, from_settings
    from ravine.training.run import Run

    where = {name: settings.pop(name) for name in ("data_dir", "out", "resume", "fresh")}
    given = settings.pop("hyperparameters")
    taken = sorted(SETTINGS.intersection(given))
    if taken:
        raise ConfigError(
            f"{taken[0]} is given with --set, and has an option of its own, --{taken[0].replace('_', '-')}."
        )
    run = from_settings({"layers": layers, **settings, **given})
    with watching(quiet, run.spec.epochs) as watcher:
        outcome = run_spec(run, watcher=watcher, **where)
    result = outcome.result
    if as_json:
        print_json(result)
    else:
        _print_summary(result, outcome.folder if isinstance(outcome, Run) else None)
    if isinstance(outcome, Run) or outcome.signal is None:
        return 0
    click.echo("ravine: interrupted; the same command with --resume goes on from here.", err=True)
    return 128 + outcome.signal


def _print_summary(result: Result, folder: Any) -> None:
    from ravine.formulas.kinds import shown

    spec, seconds = result.spec, result.seconds
    settings = [f"lr {spec.lr:g}", *(f"{name} {shown(value)}" for name, value in spec.hyperparameters.items())]
    settings += [f"{name} times {','.join(f'{f:g}' for f in factors)}" for name, factors in spec.per_layer.items()]
    click.echo(f"run {result.id}: {result.status}")
    click.echo(f"  network        {'-'.join(map(str, spec.layers))}, {result.parameters:,} weights")
    grown = result.history[-1].batch_size if result.history else spec.batch_size
    batches = f"{spec.batch_size}" if grown == spec.batch_size else f"{spec.batch_size} to {grown}"
    click.echo(f"  optimizer      {spec.optimizer_name}, {', '.join(settings)}, batches of {batches}")
    click.echo(f"  epochs         {len(result.history)} of {spec.epochs}, seed {spec.seed}")
    click.echo(f"  train loss     {number(result.train_loss)}")
    click.echo(f"  test loss      {number(result.test_loss)}")
    click.echo(f"  test accuracy  {percent(result.test_accuracy)}")
    click.echo(
        f"  seconds        {seconds.total:.1f}: training {seconds.train:.1f}, evaluation {seconds.evaluate:.1f}, "
        f"compilation {seconds.compile:.1f}"
    )
    if result.cause is not None:
        click.echo(f"  cause          {result.cause.message}")
    if folder is not None:
        click.echo(f"  stored in      {folder}")
    if result.hint is not None:
        click.echo(f"  hint           {result.hint}")
