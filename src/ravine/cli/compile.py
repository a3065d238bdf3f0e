"""`ravine compile`."""

from __future__ import annotations

import time

import click

from ravine import choices
from ravine.cli.command import Command
from ravine.cli.options import FILE_TOO, Names, jobs_option, option, quiet_option
from ravine.settings import ENGINES

WHAT = "What is compiled"


@click.command(
    "compile",
    cls=Command,
    examples=[
        ("ravine compile sgd adam", "Two optimizers."),
        ("ravine compile --all --dtype float32 --dtype float64", "All of ravine, for both types of numbers."),
    ],
)
@click.argument("names", metavar=f"[{FILE_TOO}]...", nargs=-1, type=Names(choices.OPTIMIZERS, files=True))
@option("--all", "every", is_flag=True, group=WHAT, help="Compile all optimizers of ravine.")
@option("--dtype", "dtypes", multiple=True, default=("float32",), show_default=True, group=WHAT,
        metavar=f"[{'|'.join(ENGINES['fused'])}]", type=Names(choices.these(*ENGINES["fused"])),
        help="Type of the numbers. May be repeated.")  # fmt: skip
@jobs_option
@quiet_option
def compile_optimizers(
    names: tuple[str, ...], every: bool, dtypes: tuple[str, ...], jobs: int | None, quiet: bool
) -> None:
    """Compile optimizers for this processor now, so that no run waits for it.

    NAME is an optimizer that `ravine optimizers` lists, and FILE.py:NAME one in a file of your own, which ravine runs.
    The command is meant for images of containers, clusters with a shared home, and courses. It does not compile again
    what is in the cache. Matrix optimizers share the kernel of sgd, which computes their gradients. A run whose
    optimizer has stages, such as weight decay, still has to compile the two together, which takes a second or two.
    """
    from ravine.engines.ahead import compile_ahead
    from ravine.engines.fused import cache
    from ravine.errors import ConfigError, StorageError, unknown
    from ravine.formulas.shelves import OPTIMIZERS
    from ravine.inputs import jobs_of
    from ravine.words import duration, several

    jobs = jobs_of(jobs)
    if not names and not every:
        raise ConfigError("name the optimizers to compile, or ask for --all.")
    for dtype in dtypes:
        if dtype not in ENGINES["fused"]:
            raise ConfigError(unknown("dtype of the fused engine", dtype, ENGINES["fused"]))
    found = [*(OPTIMIZERS.values() if every else ()), *map(OPTIMIZERS.find, names)]
    fault = cache.why_not_kept()
    if fault is not None:
        raise StorageError(f"{fault}: make this folder writable, or set XDG_CACHE_HOME to another.")
    # For an optimizer that is not compiled, the kernel of sgd computes the gradients.
    compiled = [each.formula if each.formula and each.formula.compiles else OPTIMIZERS["sgd"].formula for each in found]
    formulas = [formula for formula in dict.fromkeys(compiled) if formula is not None]
    began, count = time.perf_counter(), len(formulas) * len(set(dtypes))
    if not quiet:
        click.echo(
            f"ravine: looking for {several(count, 'kernel')}, compiling those that are not in the cache", err=True
        )
    for done, (name, dtype) in enumerate(compile_ahead(formulas, dict.fromkeys(dtypes), jobs), start=1):
        if not quiet:
            click.echo(f"{done} of {count}: {name} in {dtype} is in the cache", err=True)
    click.echo(f"{several(count, 'kernel')} in the cache after {duration(time.perf_counter() - began)}.")
