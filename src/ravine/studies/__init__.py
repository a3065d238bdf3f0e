"""Studies: many runs as data, and the code that works through them."""

from ravine.studies.plan import Planned, cut_short, find_rows, plan
from ravine.studies.run_study import StudyOutcome, run_study
from ravine.studies.runners import StudyWatcher
from ravine.studies.study import BUILT_IN, Figure, Group, Published, Source, Study, Summary, load_study, with_seeds

__all__ = [
    "BUILT_IN",
    "Figure",
    "Group",
    "Planned",
    "Published",
    "Source",
    "Study",
    "StudyOutcome",
    "StudyWatcher",
    "Summary",
    "cut_short",
    "find_rows",
    "load_study",
    "plan",
    "run_study",
    "with_seeds",
]
