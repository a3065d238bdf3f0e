"""`ravine runs list`, `ravine runs show` and `ravine runs convert`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ravine.cli.command import Command
from ravine.cli.group import Entry, Group
from ravine.cli.options import RunIds, json_option, store_option
from ravine.cli.output import print_json, print_table, setting

if TYPE_CHECKING:
    from ravine.storage.store import Unfinished

_COMMANDS = {
    "list": Entry("ravine.cli.runs:list_runs", "List finished and interrupted runs, oldest first."),
    "show": Entry("ravine.cli.runs:show", "Show one run: its history, settings and machine."),
    "plot": Entry(
        "ravine.cli.runs_plot:plot", "Draw runs: losses and accuracy over the epochs, or another picture of one run."
    ),
    "convert": Entry("ravine.cli.runs:convert", "Update the runs that an earlier version stored."),
}


@click.group(cls=Group, sections={"Commands": _COMMANDS})
def runs() -> None:
    """Look at stored runs.

    Each run is stored in a folder of its own. The name of the folder is the id of the run, the hash of all that decides
    its result.
    """


@click.command("list", cls=Command, examples=[("ravine runs list", "What `ravine train` has stored.")])
@store_option
@json_option
def list_runs(out: str | None, as_json: bool) -> None:
    """List finished and interrupted runs, oldest first.

    To go on with an interrupted run, repeat the command that began it with --resume.
    """
    from ravine.storage.quantities import SUMMARY, shown
    from ravine.storage.store import RunStore

    store = RunStore(out)
    found, damaged = store.results(store.ids())
    results = list(found.values())
    unfinished = store.unfinished()
    if as_json:
        print_json(
            {"runs": results, "unfinished": [{"id": u.id, "spec": u.spec, "epochs": u.epochs} for u in unfinished]}
        )
    else:
        rows = [(r.id, r.status, *_settings(r.spec), *shown(r, SUMMARY)) for r in results]
        rows += [(u.id, _standing(u), *_settings(u.spec), *("-" for _ in SUMMARY)) for u in unfinished]
        columns = [quantity.head for quantity in SUMMARY]
        head = ("id", "status", "optimizer", "lr", "batch", "epochs", "seed", *columns)
        if rows:
            print_table(head, rows)
        else:
            click.echo(f"There are no runs in {store.root}.", err=True)
    for fault in damaged.values():
        click.echo(f"ravine: {fault}", err=True)


def _standing(run: Unfinished) -> str:
    return f"{'running' if run.running else 'stopped'}, {run.epochs} of {run.spec.epochs} epochs"


def _settings(spec: object) -> tuple[str, ...]:
    from ravine.spec import RunSpec

    assert isinstance(spec, RunSpec)
    return spec.optimizer_label, setting(spec.lr), str(spec.batch_size), str(spec.epochs), str(spec.seed)


@click.command(
    cls=Command,
    examples=[
        ("ravine runs show 3f9c", "The run whose id begins so."),
        ("ravine runs show runs/3f9c --json", "The run in a folder, with everything that is stored of it."),
    ],
)
@click.argument("run", metavar="RUN", type=RunIds())
@store_option
@json_option
def show(run: str, out: str | None, as_json: bool) -> None:
    """Show one run: its history, settings and machine.

    RUN is the first digits of its id, or its folder.
    """
    from ravine.api import load_run
    from ravine.storage.quantities import CURVES, shown

    found = load_run(run, out)
    if as_json:
        print_json({**_builtins(found.result), "environment": found.environment})
        return
    result = found.result
    click.echo(f"run {result.id}: {result.status}" + (f" - {result.cause.message}" if result.cause else ""))
    if result.hint is not None:
        click.echo(f"hint: {result.hint}")
    click.echo(f"in  {found.folder}\n")
    rows = [(str(r.epoch), setting(r.lr), *shown(r, CURVES), f"{r.seconds:.2f}") for r in result.history]
    print_table(("epoch", "lr", *(quantity.head for quantity in CURVES), "seconds"), rows)
    click.echo()
    print_table(("setting", "value"), [(name, _plain(value)) for name, value in _builtins(result.spec).items()])
    click.echo()
    print_table(("environment", "value"), [(name, str(value)) for name, value in found.environment.items()])
    if found.optimizer_text is not None:
        click.echo(f"\n{result.spec.optimizer_label}, as it was:\n\n{found.optimizer_text}", nl=False)
    if found.schedule_text is not None:
        click.echo(f"\n{result.spec.schedule_label}, as it was:\n\n{found.schedule_text}", nl=False)


@click.command(cls=Command, examples=[("ravine runs convert", "All runs that `ravine train` has stored.")])
@store_option
@json_option
def convert(out: str | None, as_json: bool) -> int:
    """Update the runs that an earlier version stored.

    A run gets the id that its settings have now. If the text of its optimizer has changed since, the run is left as it
    is, because it might have another result today.
    """
    from ravine.errors import several
    from ravine.storage.conversion import convert_runs
    from ravine.storage.store import RunStore

    store = RunStore(out)
    found = list(convert_runs(store))
    if as_json:
        print_json({"converted": found})
    for run in found:
        if run.why is not None:
            click.echo(f"ravine: run {run.old} is left as it is: {run.why}", err=True)
        elif not as_json:
            click.echo(f"{run.old} is now {run.new}")
    if not as_json:
        done = sum(run.new is not None for run in found)
        click.echo(f"{done} of {several(len(found), 'run')} of an earlier version updated in {store.root}.")
    return 3 if any(run.damaged for run in found) else 0


def _builtins(value: object) -> dict[str, object]:
    import msgspec

    plain = msgspec.to_builtins(value)
    assert isinstance(plain, dict)
    return plain


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "-"
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)
