"""Print the ids of each of three shards of twelve runs, for a test that compares processes."""

from __future__ import annotations

from ravine.spec import from_settings
from ravine.studies import Planned, shard_of

RUNS = [
    Planned("all", row, from_settings({"layers": (784, 10), "optimizer": optimizer, "seed": seed}), None)
    for row, optimizer in enumerate(("sgd", "adam", "adamw", "muon"))
    for seed in range(3)
]

if __name__ == "__main__":
    for index in (1, 2, 3):
        print(*sorted(run.id for run in shard_of(RUNS, index, 3)))
