"""The evidence for verdicts: the stored runs and gradient checks of a study, found by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mode
from typing import TypeVar

from ravine.gradients.networks.check import NetworkCheck
from ravine.spec import describe
from ravine.storage.record import Result
from ravine.studies import Planned, find_rows

T = TypeVar("T")


class NotRunError(Exception):
    """A run that a finding needs is not stored."""


@dataclass(frozen=True)
class StoredStudy:
    """The evidence for claims, and how much of it counts.

    Attributes:
        planned: the planned runs.
        results, checks: the results and the gradient checks that are stored, by id.
        quick: whether runs were cut short.
        seeds: of each row only so many of its first seeds count; all if None.
        level: an interval has confidence 1 - level.
        read: the rows that were asked for; a test adds to it.
    """

    planned: Sequence[Planned]
    results: Mapping[str, Result]
    checks: Mapping[str, NetworkCheck]
    quick: bool = False
    seeds: int | None = None
    level: float = 0.05
    read: set[str] = field(default_factory=set, compare=False)

    def of(self, row: str) -> list[Result]:
        """Return the results of "GROUP:ROW", in the order of the seeds.

        Raises:
            NotRunError: a run is not stored.
        """
        return self._stored(row, self.results)

    def checks_of(self, row: str) -> list[NetworkCheck]:
        """Return the gradient checks of a row, in the order of the seeds."""
        return self._stored(row, self.checks)

    def _stored(self, row: str, found: Mapping[str, T]) -> list[T]:
        self.read.add(row)
        runs = find_rows(self.planned, row)[: self.seeds]
        if not runs or len(runs) < (self.seeds or 1) or any(run.id not in found for run in runs):
            raise NotRunError(row)
        return [found[run.id] for run in runs]

    def name(self, row: str) -> str:
        """Describe a row in words, with its epochs if they are not those of most runs."""
        runs = find_rows(self.planned, row)
        usual = mode(run.spec.epochs for run in self.planned)
        return describe(runs[0].spec, usual_epochs=usual) if runs else row
