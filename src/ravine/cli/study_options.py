"""What the commands of studies share: which study, which of its runs, and the plan of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ravine import choices
from ravine.cli.options import Names, option

if TYPE_CHECKING:
    from ravine.studies import Planned, Study

RUNS = "Which runs"

study_argument = click.argument("study", metavar="STUDY", type=Names(choices.STUDIES, files=True))
only_option = option("--only", metavar="NAME,..", group=RUNS,
                     help="Only the runs that these groups and figures need.")  # fmt: skip
seeds_option = option("--seeds", type=click.IntRange(1), metavar="NUMBER", group=RUNS,
                      help="Number of seeds, from 0 on, for each row.  [default: the study's seeds]")  # fmt: skip


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
