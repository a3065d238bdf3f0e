"""Studies: many runs as data, and the code that works through them."""

from ravine.studies.plan import Planned, cut_short, find_rows, plan
from ravine.studies.run_study import StudyOutcome, run_study
from ravine.studies.runners import StudyWatcher
from ravine.studies.shards import Shard, read_shard, shard_of
from ravine.studies.study import BUILT_IN, Figure, Group, Published, Source, Study, Summary, load_study, with_seeds

__all__ = [
    "BUILT_IN",
    "Figure",
    "Group",
    "Planned",
    "Published",
    "Shard",
    "Source",
    "Study",
    "StudyOutcome",
    "StudyWatcher",
    "Summary",
    "cut_short",
    "find_rows",
    "load_study",
    "plan",
    "read_shard",
    "run_study",
    "shard_of",
    "with_seeds",
]
