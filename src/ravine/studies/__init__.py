"""Studies: many runs as data, and a runner that works through them."""

from ravine.studies.runner import StudyOutcome, StudyWatcher, run_study
from ravine.studies.study import Group, Planned, Published, Study, load_study, only, plan

__all__ = [
    "Group",
    "Planned",
    "Published",
    "Study",
    "StudyOutcome",
    "StudyWatcher",
    "load_study",
    "only",
    "plan",
    "run_study",
]
