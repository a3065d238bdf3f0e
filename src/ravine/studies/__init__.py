"""Studies: many runs as data, and a runner that works through them."""

from ravine.studies.runner import StudyOutcome, StudyWatcher, run_study
from ravine.studies.study import (
    Figure,
    Group,
    Planned,
    Published,
    Study,
    cut_short,
    describe,
    find_rows,
    load_study,
    plan,
    with_seeds,
)

__all__ = [
    "Figure",
    "Group",
    "Planned",
    "Published",
    "Study",
    "StudyOutcome",
    "StudyWatcher",
    "cut_short",
    "describe",
    "find_rows",
    "load_study",
    "plan",
    "run_study",
    "with_seeds",
]
