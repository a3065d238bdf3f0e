"""The evidence for verdicts: the stored runs and gradient checks of a study, found by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mode

from ravine.gradients.networks.check import NetworkCheck
from ravine.spec import describe
from ravine.storage.record import Result
from ravine.studies import Planned, find_rows


class NotRunError(Exception):
    """A run that a finding needs is not stored."""


@dataclass(frozen=True)
class StoredStudy:
    """Planned runs, the results and gradient checks that are stored, by id, and whether runs were cut short."""

    planned: Sequence[Planned]
    results: Mapping[str, Result]
    checks: Mapping[str, NetworkCheck]
    quick: bool = False

    def of(self, row: str) -> list[Result]:
        """Return the results of "GROUP:ROW", in the order of the seeds.

        Raises:
            NotRunError: a run is not stored.
        """
        runs = find_rows(self.planned, row)
        if not runs or any(run.id not in self.results for run in runs):
            raise NotRunError(row)
        return [self.results[run.id] for run in runs]

    def checks_of(self, row: str) -> list[NetworkCheck]:
        """Return the gradient checks of a row, in the order of the seeds."""
        runs = find_rows(self.planned, row)
        if not runs or any(run.id not in self.checks for run in runs):
            raise NotRunError(row)
        return [self.checks[run.id] for run in runs]

    def name(self, row: str) -> str:
        """Describe a row in words, with its epochs if they are not those of most runs."""
        runs = find_rows(self.planned, row)
        usual = mode(run.spec.epochs for run in self.planned)
        return describe(runs[0].spec, usual_epochs=usual) if runs else row
