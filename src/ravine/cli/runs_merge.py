"""`ravine runs merge`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ravine.cli.command import Command
from ravine.cli.options import json_option, store_option
from ravine.cli.output import print_json, print_table, print_text
from ravine.words import listed, several

if TYPE_CHECKING:
    from ravine.storage.merging import Merged


@click.command(
    "merge",
    cls=Command,
    examples=[
        ("ravine runs merge first second --out all", "The runs of two folders, in a third."),
    ],
    exits={
        1: "A run has different results in two folders; both versions are kept.",
        5: "Some runs are damaged or of an earlier version, and were left out.",
    },
)
@click.argument("folder", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@store_option
@json_option
def merge(folder: tuple[Path, ...], out: str | None, as_json: bool) -> int:
    """Copy the finished runs of several folders into one.

    FOLDER is a folder of runs; --out is the one into which they are merged, and may hold runs already. Files are copied
    byte for byte, and compared with their checksums. Gradient checks and comparisons come with the runs. If a run has
    another result in another folder, the first version keeps the id, and the others lie under differing. You can repeat
    the command: it adds what is missing.
    """
    from ravine.storage.merging import merge_runs

    merged = merge_runs(folder, out)
    left_out = {f"{one.root}/{run}": fault for one in merged.stores for run, fault in one.left_out.items()}
    if as_json:
        print_json(
            {
                "out": str(merged.root),
                "folders": [{**vars(one), "root": str(one.root)} for one in merged.stores],
                "differing": {
                    run: [
                        {**vars(one), "kept": str(one.kept), "folders": [str(place) for place in one.folders]}
                        for one in versions
                    ]
                    for run, versions in merged.differing.items()
                },
                "damaged": merged.damaged,
                "checks": merged.checks,
                "comparisons": merged.comparisons,
            }
        )
    else:
        _print(merged)
    for fault in (*merged.damaged.values(), *left_out.values()):
        click.echo(f"ravine: {fault}", err=True)
    if merged.differing:
        return 1
    return 5 if merged.damaged or left_out else 0


def _print(merged: Merged) -> None:
    head = ("folder", "copied", "there already", "differing", "left out", "not finished")
    rows = [
        (
            str(one.root),
            *(str(len(runs)) for runs in (one.copied, one.there, one.differing, one.left_out, one.unfinished)),
        )
        for one in merged.stores
    ]
    print_table(head, rows)
    click.echo()
    copied = [run for one in merged.stores for run in one.copied]
    words = [several(len(copied), "run")]
    words += [several(len(merged.checks), "gradient check")] if merged.checks else []
    words += [several(len(merged.comparisons), "comparison")] if merged.comparisons else []
    print_text(f"{listed(words)} copied into {merged.root}.")
    unfinished = {run for one in merged.stores for run in one.unfinished}
    if unfinished:
        have, them = ("has", "it") if len(unfinished) == 1 else ("have", "them")
        runs = several(len(unfinished), "run")
        print_text(f"{runs} {have} not ended: the command that began {them}, with the same folder, goes on.")
    if merged.differing:
        versions = [
            (
                run,
                one.processor,
                ", ".join(map(str, one.folders)) or str(merged.root),
                ", ".join(one.differs) or "-",
                str(one.kept),
            )
            for run, found in merged.differing.items()
            for one in found
        ]
        click.echo()
        print_table(("run", "processor", "found in", "differs in", "kept as"), versions)
        has = "has" if len(merged.differing) == 1 else "have"
        print_text(f"\n{several(len(merged.differing), 'run')} {has} different results in different folders.")
