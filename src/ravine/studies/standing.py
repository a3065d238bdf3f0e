"""How the runs of a study stand, in one folder of runs or in several, as those of shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ravine.gradients.networks.check import NetworkCheck
from ravine.spec import RunSpec
from ravine.storage.record import Result
from ravine.storage.store import RunStore, StoredRun, Unfinished
from ravine.studies.gradients import load_checks


@dataclass(frozen=True)
class Standing:
    """How some runs stand.

    Attributes:
        stored: by id, the runs that some store has.
        failed: by id, what is wrong with a run that is damaged wherever it is stored.
        unfinished: by id, the runs that no store has, and that are under way or were stopped; of several such runs of
            one id, that which is under way, or has most epochs.
        differing: by id, the folders of a run whose weights are not the same in all of them; the first is in `stored`.
    """

    stored: dict[str, StoredRun] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    unfinished: dict[str, Unfinished] = field(default_factory=dict)
    differing: dict[str, list[Path]] = field(default_factory=dict)

    @property
    def results(self) -> dict[str, Result]:
        """The results of the runs that are stored, by id."""
        return {run: stored.result for run, stored in self.stored.items()}


def standing_of(runs: Mapping[str, RunSpec], stores: Sequence[RunStore]) -> Standing:
    """Look for some runs, which are given by their ids, in all stores."""
    wanted, standing = set(runs), Standing()
    for store in stores:
        found, faults = store.load_all(wanted)
        standing.failed.update(faults)
        for run, stored in found.items():
            first = standing.stored.setdefault(run, stored)
            if first.weights_sha256 != stored.weights_sha256:
                standing.differing.setdefault(run, [first.folder]).append(stored.folder)
    for run in standing.stored:
        standing.failed.pop(run, None)
    left = wanted - standing.stored.keys() - standing.failed.keys()
    for store in stores:
        # A run that is under way has no checkpoint during its first epoch, and none here if a cluster trains it.
        begun = [Unfinished(run, runs[run], [], True) for run in left if store.is_claimed(run)]
        for one in [*begun, *store.unfinished()[0]]:
            if one.id in left:
                other = standing.unfinished.get(one.id, one)
                standing.unfinished[one.id] = max(other, one, key=lambda each: (each.running, len(each.history)))
    return standing


def checks_in(stores: Sequence[RunStore], runs: Sequence[str]) -> dict[str, NetworkCheck]:
    """Return the gradient checks of some runs, by id, each from the first store that has it."""
    checks: dict[str, NetworkCheck] = {}
    for store in reversed(stores):
        checks.update(load_checks(store, runs))
    return checks
