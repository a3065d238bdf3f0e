"""`ravine paths`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ravine import choices
from ravine.cli.command import Command
from ravine.cli.options import FILE_TOO, OUTPUT, Names, json_option, option
from ravine.cli.output import number, print_json, print_table, print_text, setting, write_file
from ravine.words import listed

if TYPE_CHECKING:
    from ravine.formulas.surface import Surface
    from ravine.trajectories import Walk


SURFACE, STEPS = "The surface", "The steps"


def _point(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Read X,Y."""
    if value is None:
        return None
    try:
        x, y = (float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not X,Y, for example -8,1.") from None
    return x, y


@click.command(
    cls=Command,
    examples=[
        ("ravine paths", "sgd, momentum and adam down a ravine, in paths-ravine.png."),
        (
            "ravine paths momentum momentum,alpha=0.5 --surface beale --out beale.gif",
            "An animation of two settings of one optimizer on another surface.",
        ),
        ("ravine paths --list", "The surfaces and their formulas."),
    ],
)
@click.argument("names", nargs=-1, metavar=f"[{FILE_TOO}]...", type=Names(choices.OPTIMIZERS, files=True))
@option(
    "--surface",
    "surface_name",
    default="ravine",
    show_default=True,
    metavar=FILE_TOO,
    group=SURFACE,
    type=Names(choices.SURFACES, files=True),
    help=f"The surface: {listed(choices.SURFACES(), 'or')}, or one in a file of your own, which ravine runs.",
)
@option(
    "--start", callback=_point, metavar="X,Y", group=SURFACE, help="Where the paths begin.  [default: the surface's]"
)
@option("--list", "list_surfaces", is_flag=True, group=SURFACE, help="List the surfaces, and draw nothing.")
@option("--steps", type=int, default=100, show_default=True, metavar="NUMBER", group=STEPS, help="Steps of each path.")
@option(
    "--lr",
    type=float,
    metavar="NUMBER",
    group=STEPS,
    help="Learning rate of the optimizers that are given none of their own.  [default: the best of 26 for each]",
)
@option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    group=OUTPUT,
    help="A .png, a .svg or a .pdf, or a .gif in which the paths grow.  [default: paths-SURFACE.png]",
)
@json_option
def paths(
    names: tuple[str, ...],
    surface_name: str,
    steps: int,
    lr: float | None,
    start: tuple[float, float] | None,
    out: Path | None,
    list_surfaces: bool,
    as_json: bool,
) -> None:
    """Draw the paths of optimizers down a surface of two weights.

    NAME is an optimizer, and FILE.py:NAME one in a file of your own, which ravine runs. Settings of an optimizer may
    follow its name, as in momentum,lr=0.01,alpha=0.5; a flag is true or false. You may name an optimizer more than
    once. Without names, the command draws sgd, momentum and adam.

    No default learning rate suits every surface. For an optimizer that is given none, ravine tries 26 rates from 0.0001
    to 10 and takes the one whose path ends lowest without leaving the map. lbfgs, which searches along a line, keeps
    its default.
    """
    from ravine.formulas.shelves import SURFACES

    if list_surfaces:
        _list(list(SURFACES.values()), as_json)
        return
    from ravine.conformance.surface import require_sound
    from ravine.inputs import path_of
    from ravine.trajectories import USUAL, picture, walks

    surface = SURFACES.find(surface_name)
    if surface not in SURFACES.values():
        require_sound(surface)
    file = path_of("out", out) or Path(f"paths-{surface.name}.png")
    draw = picture(file.suffix)
    walked = walks(names or USUAL, surface, steps=steps, lr=lr, start=start)
    write_file(file, draw(surface, walked))
    if as_json:
        print_json(
            {**_describe(surface), "steps": steps, "paths": [_path(surface, w) for w in walked], "file": str(file)}
        )
    else:
        _print(surface, walked)
        click.echo(f"\ndrawn: {file}")


def _list(surfaces: list[Surface], as_json: bool) -> None:
    if as_json:
        print_json({"surfaces": [_describe(surface) for surface in surfaces]})
    else:
        for surface in surfaces:
            click.echo(f"{surface.name}\n  f = {surface.formula}\n  {surface.summary}")
            if surface.source:
                click.echo(f"  {surface.source}")


def _describe(surface: Surface) -> dict[str, Any]:
    fields = ("summary", "formula", "minima", "lowest", "source")
    return {"surface": surface.name, **{field: getattr(surface, field) for field in fields}}


def _path(surface: Surface, walk: Walk) -> dict[str, Any]:
    minimum, distance = surface.nearest_minimum(walk.points[-1]) or (None, None)
    return {
        "optimizer": walk.optimizer,
        "hyperparameters": walk.hyperparameters,
        "chosen": walk.chosen,
        "steps": len(walk.points) - 1,
        "diverged_at": walk.diverged_at,
        "end": walk.points[-1].tolist(),
        "value": float(walk.values[-1]),
        "nearest_minimum": minimum,
        "distance": distance,
        "points": walk.points.tolist(),
    }


def _print(surface: Surface, walks: list[Walk]) -> None:
    from ravine.trajectories import lowest_of

    lowest, what = lowest_of(surface, walks)
    parts = [*([f"f = {surface.formula}"] if surface.formula else []), f"{what} {setting(lowest)}"]
    print_text(f"{surface.name}: {', '.join(parts)}")
    click.echo()
    head = ("optimizer", "lr", "steps", "x", "y", "f", "nearest minimum", "distance", "")
    rows = []
    for walk in walks:
        x, y = walk.points[-1]
        nearest = surface.nearest_minimum(walk.points[-1])
        rows.append(
            (
                walk.optimizer,
                f"{setting(walk.hyperparameters['lr'])}{'*' if walk.chosen else ''}",
                str(len(walk.points) - 1),
                number(x),
                number(y),
                number(walk.values[-1]),
                f"({nearest[0][0]:.4g}, {nearest[0][1]:.4g})" if nearest else "not known",
                f"{nearest[1]:.2g}" if nearest else "",
                "" if walk.diverged_at is None else f"diverged at step {walk.diverged_at}",
            )
        )
    print_table(head, rows)
    if any(walk.chosen for walk in walks):
        from ravine.trajectories import RATES

        rates = f"{len(RATES)} rates from {RATES[0]:g} to {RATES[-1]:g}"
        click.echo()
        print_text(f"* the one of {rates} whose path ends lowest without leaving the map")
