"""`ravine gradcheck`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ravine.cli.command import TRAINS, Command
from ravine.cli.options import (
    OUTPUT,
    RunIds,
    data_dir_option,
    json_option,
    option,
    quiet_option,
    setting_options,
    store_option,
)
from ravine.cli.output import print_json, print_table
from ravine.words import listed, several

if TYPE_CHECKING:
    from ravine.gradients.networks.check import NetworkCheck


CHECK, BEFORE = "The check", "The weights that are checked"

_TRAINING = (
    "lr", "batch_size", "epochs", "layers", "activation", "bias", "softmax", "loss", "label_smoothing", "init",
    "dataset", "seed",
)  # fmt: skip
"""The settings of the network and its training, all of which a stored run has already."""


def _names(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _count(ctx: click.Context, parameter: click.Parameter, value: str) -> int | None:
    if value == "all":
        return None
    try:
        return int(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither all nor a whole number.") from None


def _samples(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of whole numbers, for example 0 or 0,1,2.") from None


@click.command(
    cls=Command,
    examples=[
        ("ravine gradcheck --weights 500 --digits 0", "500 weights of the network after one epoch of SGD."),
        ("ravine gradcheck --layers 784,20,10 --epochs 0 --activation tanh --sample 0,1,2",
         "All weights of a small network before training, with the mean loss of three samples."),
        ("ravine gradcheck --run 3f9c --weights 500", "The network of a stored run."),
    ],
    exits={
        0: "The gradient passes: the check would notice an error in any weight, and finds none.",
        1: "The gradient fails; the worst weights are named.",
        6: "The check cannot tell; it says why, and what to do.",
        **TRAINS,
    },
)  # fmt: skip
@option("--methods", default="forward,backward,central,complex", show_default=True, callback=_names,
        metavar="METHOD,..", group=CHECK, help="Which numerical derivatives to take.")  # fmt: skip
@option("--h", type=float, default=1e-8, show_default=True, metavar="STEP", group=CHECK,
        help="Step of the differences.")  # fmt: skip
@option("--weights", default="all", show_default=True, callback=_count, metavar="all|NUMBER", group=CHECK,
        help="How many weights to check; a number of them is drawn by the seed, without those of inputs that are 0 in "
        "all samples.")  # fmt: skip
@option("--sample", "samples", default="0", show_default=True, callback=_samples, metavar="NUMBER,..", group=CHECK,
        help="Training samples, counted from 0. With several, the loss is their mean.")  # fmt: skip
@option("--digits", type=int, default=60, show_default=True, metavar="NUMBER", group=CHECK,
        help="Digits of the high-precision check of 200 weights; 0 leaves that check out.")  # fmt: skip
@option("--run", type=RunIds(), metavar="ID", group=BEFORE,
        help="Check the network of a stored run, at its final weights.")  # fmt: skip
@setting_options(
    *_TRAINING, "dtype",
    lr={"default": 0.1, "group": BEFORE, "help": "Learning rate of the epochs before the check."},
    batch_size={"group": BEFORE},
    epochs={"default": 1, "group": BEFORE, "help": "Epochs of SGD before the check; 0 checks at the initial weights."},
    dtype={"default": "float64", "group": CHECK, "metavar": "[float64|float32]",
           "help": "Type of the numbers in gradients and differences."},
)  # fmt: skip
@data_dir_option
@store_option
@option("--figures", type=click.Path(path_type=Path), metavar="FOLDER", group=OUTPUT,
        help="Draw the errors, how they are distributed, and the V-curve into this folder.")  # fmt: skip
@json_option
@quiet_option
def gradcheck(figures: Path | None, digits: int, as_json: bool, quiet: bool, **settings: Any) -> int:
    """Check the analytic gradient of a network against numerical ones, weight by weight.

    The command first trains the network for an epoch, unless you give a stored run, which has its own network, data
    and seed. The loss is that of one training
    sample, or the mean over several.
    """
    from ravine.api.network_gradient import check_network_gradient
    from ravine.cli.progress import checking, lines
    from ravine.spec import RunSpec

    if settings["run"] is not None:
        _refuse_beside_a_run()
    where = {name: settings.pop(name) for name in ("data_dir", "out", "run", "weights", "samples", "h", "dtype")}
    methods = settings.pop("methods")
    epochs = settings.pop("epochs")
    spec = RunSpec(epochs=max(1, epochs), **settings)
    with checking(quiet) as progress:
        check = check_network_gradient(
            spec,
            epochs=epochs,
            methods=methods,
            digits=digits or None,
            watcher=lines(quiet, spec.epochs),
            progress=progress,
            **where,
        )
    files = _draw(figures, check) if figures else []
    if as_json:
        print_json({**_document(check), "figures": [str(file) for file in files]})
    else:
        _print(check)
        for file in files:
            click.echo(f"drawn: {file}")
    return {"passes": 0, "fails": 1, "cannot tell": 6}[check.answer]


def _refuse_beside_a_run() -> None:
    """Refuse settings that were given, and that a stored run has already."""
    from click.core import ParameterSource

    from ravine.errors import ConfigError

    ctx = click.get_current_context()
    given = [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name in _TRAINING and ctx.get_parameter_source(parameter.name) == ParameterSource.COMMANDLINE
    ]
    if given:
        raise ConfigError(
            f"--run checks the network of a stored run as it is, and takes no {listed(given, 'or')}: leave it out."
        )


def _draw(folder: Path, check: NetworkCheck) -> list[Path]:
    from ravine.errors import StorageError
    from ravine.gradients.networks.figures import save_figures
    from ravine.storage.files import no_empty_folders

    try:
        with no_empty_folders(folder):
            return save_figures(folder, check.agreement, check.curve)
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror or error}. Choose another --figures.") from error


def _document(check: NetworkCheck) -> dict[str, Any]:
    """Return the check as one flat document: the answer of a method and its errors stand beside its step."""
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(check.agreement)
    document.update(document.pop("verdict"), passed=check.passed)
    for method in document["methods"].values():
        method.update(method.pop("errors"))
        method.update(method.pop("verdict"))
    document["v_curve"] = msgspec.to_builtins(check.curve)
    document["digits"] = msgspec.to_builtins(check.digits)
    return document


def _print(check: NetworkCheck) -> None:
    agreement, curve, digits = check.agreement, check.curve, check.digits
    click.echo(
        f"{agreement.weights:,} of {several(agreement.parameters, 'weight')}, {several(agreement.samples, 'sample')}, "
        f"{agreement.dtype}, loss {agreement.loss:.4g}\n"
    )
    counted = ("both zero", "kinks", "right", "wrong", "not seen")
    head = ("method", "h", "mean", "median", "99 %", "largest", *counted, "seconds")
    rows = []
    for name, method in agreement.methods.items():
        e = method.errors
        relative = (e.mean_relative_error, e.median_relative_error, e.p99_relative_error, e.max_relative_error)
        answer = method.verdict
        counts = (e.both_zero, e.kinks, answer.right, answer.wrong, answer.unseen)
        rows.append(
            (
                name,
                f"{method.h:.0e}",
                *(f"{r:.1e}" for r in relative),
                *(f"{c:,}" for c in counts),
                f"{method.seconds:.2f}",
            )
        )
    click.echo("relative error |a - n| / max(|a|, |n|)")
    print_table(head, rows)
    click.echo("\nbest step of each difference")
    print_table(
        ("method", "best h", "median there", "predicted h"),
        [
            (name, f"{h:.1e}", f"{curve.best_median[name]:.1e}", f"{curve.predicted_step[name]:.1e}")
            for name, h in curve.best_step.items()
        ],
    )
    if digits is not None and digits.weights:
        click.echo(
            f"\ncentral difference in {digits.digits} digits, {several(digits.weights, 'weight')}: mean relative error "
            f"{digits.mean_relative_error:.1e} ({100 * digits.mean_relative_error:.1e} %), {digits.seconds:.1f} s"
        )
        if "central" in agreement.methods and agreement.dtype == "float64":
            measured = agreement.methods["central"].errors.mean_relative_error
            click.echo(f"in double precision, which has 16 digits: {measured:.1e} ({100 * measured:.1e} %)")
    for name, method in agreement.methods.items():
        if method.verdict.wrong:
            differ = "differs" if method.verdict.wrong == 1 else "differ"
            wrong = f"{several(method.verdict.wrong, 'weight')} {differ} by more than round-off and the method explain"
            click.echo(f"\n{name}: {wrong}; the worst:")
            worst = [
                (str(w.layer), str(w.row), str(w.column), f"{w.analytic:.6e}", f"{w.numerical:.6e}")
                for w in method.worst
            ]
            print_table(("layer", "row", "column", "analytic", "numerical"), worst)
            click.echo("layer, row and column are counted from 0, as in run.matrices")
    click.echo(f"\n{_ANSWERS[check.answer]}")
    if agreement.verdict.cause:
        count = agreement.verdict.unseen
        unseen = f"{several(count, 'weight')} {'is' if count == 1 else 'are'} not seen: " if count else ""
        cause = f"{unseen}{agreement.verdict.cause}"
        click.echo(f"{cause[0].upper()}{cause[1:]}. {agreement.verdict.mend}")


_ANSWERS = {
    "passes": "The gradient passes.",
    "fails": "The gradient FAILS.",
    "cannot tell": "The check CANNOT TELL whether the gradient is right.",
}
