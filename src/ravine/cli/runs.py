"""`ravine runs list`, `ravine runs show` and `ravine runs convert`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ravine.cli.command import Command
from ravine.cli.group import Entry, Group
from ravine.cli.options import RunIds, json_option, store_option
from ravine.cli.output import print_json, print_table, setting
from ravine.words import several

if TYPE_CHECKING:
    from ravine.spec import RunSpec
    from ravine.storage.record import Epoch, Result
    from ravine.storage.store import Unfinished

_COLUMNS = ("optimizer", "lr", "batch_size")
"""The settings that have columns of their own in a list of runs."""

_COMMANDS = {
    "list": Entry("ravine.cli.runs:list_runs", "List finished and interrupted runs, oldest first."),
    "show": Entry("ravine.cli.runs:show", "Show one run: its history, settings and machine."),
    "extend": Entry("ravine.cli.runs_extend:extend", "Train a finished run on, from where it ended."),
    "export": Entry(
        "ravine.cli.runs_export:export", "Write runs as CSV files, which pandas.read_csv reads as they are."
    ),
    "plot": Entry(
        "ravine.cli.runs_plot:plot", "Draw runs: losses and accuracy over the epochs, or another picture of one run."
    ),
    "merge": Entry("ravine.cli.runs_merge:merge", "Copy the finished runs of several folders into one."),
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

    Beside the most important settings the table has every other one in which the runs differ. To go on with an
    interrupted run, repeat the command that began it.
    """
    from ravine.storage.store import RunStore

    store = RunStore(out)
    found, damaged = store.results(store.ids())
    results = list(found.values())
    unfinished, faults = store.unfinished()
    if as_json:
        stopped = [{"id": u.id, "spec": u.spec, "epochs": len(u.history), "status": u.status} for u in unfinished]
        print_json({"runs": results, "unfinished": stopped})
    elif results or unfinished:
        _print_list(results, unfinished)
    else:
        click.echo(f"There are no runs in {store.root}.", err=True)
    for fault in (*damaged.values(), *faults.values()):
        click.echo(f"ravine: {fault}", err=True)


def _print_list(results: Sequence[Result], unfinished: Sequence[Unfinished]) -> None:
    from ravine.spec import differing, settings_of
    from ravine.storage.quantities import SUMMARY, given, shown

    summary = given(SUMMARY, [*(run.spec for run in results), *(stopped.spec for stopped in unfinished)])
    listed: list[tuple[str, str, RunSpec, str, list[str]]] = [
        (run.id, run.status, run.spec, str(run.spec.epochs), shown(run, summary)) for run in results
    ]
    for stopped in unfinished:
        numbers = shown(stopped.history[-1], summary) if stopped.history else ["-" for _ in summary]
        epochs = f"{len(stopped.history)} of {stopped.spec.epochs}"
        listed.append((stopped.id, stopped.status, stopped.spec, epochs, numbers))
    settings = [settings_of(spec) for _, _, spec, _, _ in listed]
    others = [name for name in differing(settings) if name not in (*_COLUMNS, "epochs")]
    rows = [
        (run, status, *(own[name] for name in _COLUMNS), epochs, str(spec.seed), *numbers, _named(own, others))
        for (run, status, spec, epochs, numbers), own in zip(listed, settings, strict=True)
    ]
    head = ("id", "status", *_COLUMNS, "epochs", "seed", *(quantity.head for quantity in summary), "other settings")
    columns = len(head) if others else len(head) - 1
    print_table(head[:columns], [row[:columns] for row in rows])


def _named(settings: Mapping[str, str], names: Sequence[str]) -> str:
    """Write those of some settings that a run has, with their names."""
    return ", ".join(f"{name} {settings[name]}" for name in names if name in settings)


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

    RUN is the first digits of its id, or its folder. Of a run that was stopped it shows the epochs until then.
    """
    from ravine.api import load_run
    from ravine.storage.places import PARTIAL
    from ravine.storage.store import RunStore

    folder = Path(run)
    if folder.name.endswith(PARTIAL):
        run, out = folder.name.removesuffix(PARTIAL), str(folder.parent)
    store = RunStore(out)
    known = any(one.startswith(run) for one in store.ids())
    stopped = None if known else store.find_unfinished(run)
    if stopped is not None:
        if as_json:
            print_json({"id": stopped.id, "status": stopped.status, "history": stopped.history, "spec": stopped.spec})
            return
        click.echo(f"run {stopped.id}: {stopped.standing}; the command that began it goes on with it\n")
        _print_history(stopped.history, stopped.spec)
        _print_settings(stopped.spec)
        return
    found = load_run(run, out)
    if as_json:
        print_json({**_builtins(found.result), "environment": found.environment})
        return
    result = found.result
    # Damaged texts end the command here.
    texts = (found.optimizer_text, found.schedule_text, found.activation_text, found.loss_text)
    click.echo(f"run {result.id}: {result.status}" + (f" - {result.cause.message}" if result.cause else ""))
    if result.hint is not None:
        click.echo(f"hint: {result.hint}")
    click.echo(f"in  {found.folder}\n")
    _print_history(result.history, result.spec)
    _print_settings(result.spec)
    click.echo()
    print_table(("environment", "value"), [(name, str(value)) for name, value in found.environment.items()])
    spec = result.spec
    labels = (spec.optimizer_label, spec.schedule_label, spec.activation_label, spec.loss_label)
    for label, text in zip(labels, texts, strict=True):
        if text is not None:
            click.echo(f"\n{label}, as it was:\n\n{text}", nl=False)


def _print_history(history: Sequence[Epoch], spec: RunSpec) -> None:
    from ravine.storage.quantities import CURVES, given, shown

    curves = given(CURVES, [spec], each_epoch=True)
    rows = [(str(r.epoch), setting(r.lr), *shown(r, curves), f"{r.seconds:.2f}") for r in history]
    print_table(("epoch", "lr", *(quantity.head for quantity in curves), "seconds"), rows)
    click.echo()


def _print_settings(spec: RunSpec) -> None:
    settings = {**_builtins(spec), "test": spec.test_time}
    print_table(("setting", "value"), [(name, _plain(value)) for name, value in settings.items()])


@click.command(cls=Command, examples=[("ravine runs convert", "All runs that `ravine train` has stored.")])
@store_option
@json_option
def convert(out: str | None, as_json: bool) -> int:
    """Update the runs that an earlier version stored.

    A run gets the id that its settings have now. If the text of its optimizer has changed since, the run is left as it
    is, because it might have another result today.
    """
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
