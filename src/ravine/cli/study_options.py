"""What the commands of studies share: which study, which of its runs, and the plan of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ravine import choices
from ravine.cli.options import Names, option
from ravine.settings import WHERE
from ravine.words import listed

if TYPE_CHECKING:
    from ravine.storage.store import RunStore
    from ravine.studies import Planned, Study
    from ravine.studies.standing import Standing

RUNS = "Which runs"

study_argument = click.argument("study", metavar="STUDY", type=Names(choices.STUDIES, files=True))
only_option = option("--only", metavar="NAME,..", group=RUNS,
                     help="Only the runs that these groups and figures need.")  # fmt: skip
seeds_option = option("--seeds", type=click.IntRange(1), metavar="NUMBER", group=RUNS,
                      help="Number of seeds, from 0 on, for each row.  [default: the study's seeds]")  # fmt: skip
stores_option = option("--out", type=click.Path(), multiple=True, metavar="FOLDER", group=WHERE,
                       help="Folder of runs; give it once for each folder that has a part of the study.  "
                       "[default: $RAVINE_HOME or runs]")  # fmt: skip


def names_of(only: str | None) -> list[str] | None:
    """Return the names that --only lists, None if it is not given."""
    return None if only is None else [name.strip() for name in only.split(",")]


def planned_runs(source: str, only: str | None, seeds: int | None) -> tuple[Study, list[Planned]]:
    """Return a study and its runs."""
    from ravine.paper.study import STUDIES
    from ravine.studies import load_study, plan, with_seeds

    study = load_study(source, STUDIES)
    if seeds is not None:
        study = with_seeds(study, seeds)
    return study, plan(study, names_of(only))


def stores_of(folders: Sequence[str]) -> list[RunStore]:
    """Return the stores that --out names, otherwise the usual one; tell which of these are not there."""
    from ravine.storage.store import RunStore

    stores = [RunStore(folder) for folder in folders] or [RunStore()]
    for store in stores:
        if folders and not store.root.is_dir():
            click.echo(f"ravine: there is no folder {store.root}; none of its runs is counted.", err=True)
    return stores


def tell_differing(standing: Standing) -> None:
    """Tell which runs have different weights in different folders."""
    for run, folders in standing.differing.items():
        click.echo(
            f"ravine: run {run} has different weights in {listed(map(str, folders))}; the first counts. "
            "`ravine runs merge` keeps both.",
            err=True,
        )
