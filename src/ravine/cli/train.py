"""`ravine train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ravine.cli.command import TRAINS, Command
from ravine.cli.layout import paragraph, terminal_width
from ravine.cli.options import data_dir_option, fresh_option, json_option, quiet_option, setting_options, store_option
from ravine.cli.output import print_json
from ravine.settings import BY_NAME

if TYPE_CHECKING:
    from ravine.storage.record import Result
    from ravine.training import Outcome
    from ravine.training.run import Run


@click.command(
    cls=Command,
    examples=[
        ("ravine train --epochs 2", "Two epochs of plain SGD on MNIST."),
        ("ravine train --optimizer adam --lr 0.001 --set beta1=0.8 --batch-size 100 --epochs 2",
         "Adam, with a hyper-parameter of its own."),
        ("ravine train --layers 784,30,10 --lr 0.1 --final-lr 0.001 --epochs 3 --json",
         "A small network with a learning rate that falls, and the result as JSON."),
    ],
    exits={0: "Done; a run that diverged is a result.", **TRAINS},
)  # fmt: skip
@setting_options(*BY_NAME)
@data_dir_option
@store_option
@fresh_option
@json_option
@quiet_option
def train(as_json: bool, quiet: bool, **settings: Any) -> int:
    """Train a network and store the run.

    The defaults are a 784-300-100-100-10 network on MNIST and plain SGD. The same settings and seed give the same bits,
    so a stored run is not trained again: its result is shown. A run that was interrupted goes on where it was stopped.
    """
    from ravine.api import run_spec
    from ravine.cli.progress import watching
    from ravine.errors import ConfigError
    from ravine.spec import from_settings

    where = {name: settings.pop(name) for name in ("data_dir", "out", "fresh")}
    given = settings.pop("hyperparameters")
    taken = sorted((BY_NAME.keys() - {"hyperparameters"}).intersection(given))
    if taken:
        own = BY_NAME[taken[0]].options[0]
        raise ConfigError(f"{taken[0]} is given with --set; give it with its own option, {own}.")
    run = from_settings({**settings, **given})
    with watching(quiet, run.spec.epochs) as watcher:
        outcome = run_spec(run, watcher=watcher, **where)
    return ended(outcome, as_json)


def ended(outcome: Run | Outcome, as_json: bool) -> int:
    """Print how a run ended, and return the exit code of the command that trained it."""
    from ravine.training.run import Run

    if as_json:
        print_json(outcome.result)
    else:
        _print_summary(outcome.result, outcome.folder if isinstance(outcome, Run) else None)
    if isinstance(outcome, Run) or outcome.signal is None:
        return 0
    click.echo(f"ravine: interrupted; {outcome.next}.", err=True)
    return 128 + outcome.signal


def _print_summary(result: Result, folder: Any) -> None:
    from ravine.spec import RunSpec
    from ravine.storage.quantities import CURVES, given

    numbers = given(CURVES, [result.spec])
    width = max(14, *(len(quantity.head) for quantity in numbers))

    def line(name: str, text: str) -> None:
        click.echo(f"  {name:<{width}} {text}")

    def sentence(name: str, text: str) -> None:
        for each in paragraph(text, terminal_width(), first=f"  {name:<{width}} ", indent=width + 3):
            click.echo(each)

    spec, seconds = result.spec, result.seconds
    click.echo(f"run {result.id}: {result.status}")
    line("network", f"{'-'.join(map(str, spec.layers))}, {result.parameters:,} weights")
    if spec.dataset != RunSpec().dataset:
        line("data", spec.dataset)
    if spec.validation:
        line("validation", f"{spec.validation:,} training samples held out, drawn by seed {spec.validation_seed}")
    line("optimizer", _optimizer(result))
    if spec.schedule != "constant" or spec.warmup:
        sentence("schedule", _schedule(result))
    line("epochs", f"{len(result.history)} of {spec.epochs}, seed {spec.seed}")
    if spec.extends is not None:
        line("extends", f"run {spec.extends}")
    for quantity in numbers:
        line(quantity.head, quantity.show(quantity.of(result)))
    parts = f"training {seconds.train:.1f}, evaluation {seconds.evaluate:.1f}, compilation {seconds.compile:.1f}"
    line("seconds", f"{seconds.total:.1f}: {parts}")
    if result.cause is not None:
        sentence("cause", result.cause.message)
    if folder is not None:
        line("stored in", str(folder))
    if result.hint is not None:
        sentence("hint", result.hint)
    if spec.test_time == "never":
        sentence("test set", "The run did not look at it; --test end does, once at the end.")


def _optimizer(result: Result) -> str:
    from ravine.formulas.kinds import shown

    spec = result.spec
    settings = [f"lr {spec.lr:g}", *(f"with {name}" for name in spec.stage_names)]
    settings += [f"{name} {shown(value)}" for name, value in spec.hyperparameters.items()]
    settings += [f"{name} times {','.join(f'{f:g}' for f in factors)}" for name, factors in spec.per_layer.items()]
    grown = result.history[-1].batch_size if result.history else spec.batch_size
    batches = f"{spec.batch_size}" if grown == spec.batch_size else f"{spec.batch_size} to {grown}"
    return f"{spec.optimizer_name}, {', '.join(settings)}, batches of {batches}"


def _schedule(result: Result) -> str:
    """Say how the learning rate changed: the schedule with its settings, and the rates that the epochs had."""
    from ravine.formulas.kinds import shown

    spec, history = result.spec, result.history
    parts = [f"{spec.schedule_name} by {spec.schedule_by}"]
    parts += [f"{name} {shown(value)}" for name, value in spec.schedule_settings.items()]
    parts += [f"warmup {spec.warmup:g}"] if spec.warmup else []
    text = ", ".join(parts)
    if history:
        text += f": lr {history[0].lr:.4g} in epoch 1, {history[-1].lr:.4g} in epoch {history[-1].epoch}"
    if "final_lr" in spec.schedule_settings and spec.schedule_by == "epoch":
        text += f"; final_lr is the rate of epoch {spec.epochs + 1}, which is not run"
    return text
