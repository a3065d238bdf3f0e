"""Looks at a study whose seeds grow: each claim gets more seeds until they decide it.

Whoever looks at each new seed, and stops at the first 95 % interval that decides, is wrong in more than 5 of 100 cases.
So the looks share them: each look has a level of its own (`ravine.statistics.spending`), and all intervals of one
difference contain it at once with a probability of 95 %. They are repeated confidence intervals, which hold whenever
one stops, and for whatever reason.

Source: Jennison and Turnbull, "Group sequential methods with applications to clinical trials" (2000), chapter 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from ravine.report.findings import Test
from ravine.report.stored_study import StoredStudy
from ravine.report.verdicts import ClaimFinding
from ravine.statistics import spending
from ravine.words import listed, several


@dataclass(frozen=True)
class Look:
    """A look at the first `seeds` seeds of each row, with intervals of confidence 1 - level."""

    seeds: int
    level: float


def _looks() -> tuple[Look, ...]:
    """Return the looks: one seed, which has no interval, and six more, up to 24 seeds.

    Two seeds are no look: two differences are often equal, as accuracies are shares of 10,000 images, and the interval
    would have no width. The levels are those of normal quantiles, and are taken for Student's. That lets a little more
    through than alpha, so that less is spent: with 0.044 simulated looks are wrong in 4.94 +- 0.02 of 100 cases, with
    0.05 in 5.59. Of Pocock's spending function and O'Brien and Fleming's the first decides with fewer seeds.
    """
    counts = (3, 5, 8, 12, 16, 24)
    levels = spending.looks([count / counts[-1] for count in counts], 0.044, "pocock")
    return (Look(1, levels[0]), *map(Look, counts, levels))


LOOKS = _looks()
"""All looks that may be made, in order."""

Ending = Literal["decided", "time", "looks", "seeds"]
"""What ended the looks: no claim wants seeds, the time, as many looks as were asked for, the last look."""

_ENDINGS: dict[Ending, str] = {
    "decided": "No claim that is undecided wants more",
    # A page that the time ended, and one that is made again with as many looks, are the same.
    "time": "More seeds may decide more claims",
    "looks": "More seeds may decide more claims",
    "seeds": "That is the last look",
}

WANTS_SEEDS = ("one seed", "too few seeds")
"""Why a finding is undecided, if more seeds may decide it."""


@dataclass(frozen=True)
class Looking:
    """The looks that were made, at least one, and what ended them."""

    looks: Sequence[Look]
    ended: Ending

    @property
    def sentences(self) -> str:
        """How seeds were spent, in words."""
        seeds = listed([str(look.seeds) for look in self.looks])
        unit = "seed" if self.looks[-1].seeds == 1 else "seeds"
        return f"Rows got seeds while a claim needed them, with looks at {seeds} {unit}. {_ENDINGS[self.ended]}."

    @property
    def document(self) -> dict[str, object]:
        """The numbers of seeds of the looks, and what ended them, as plain values."""
        return {"seeds": [look.seeds for look in self.looks], "ended": self.ended}

    def latest(self, seeds: int) -> Look:
        """Return the last look at so many seeds or fewer."""
        return max((look for look in self.looks if look.seeds <= seeds), key=lambda look: look.seeds)


def find(test: Test, study: StoredStudy, looks: Sequence[Look]) -> ClaimFinding:
    """Return what a test finds at the first look that decides it, or at the last one for which there are runs.

    Without looks it is what the test finds in the whole study.
    """
    return test(study) if not looks else _last(test, study, looks)[0]


def wants(test: Test, study: StoredStudy, looks: Sequence[Look]) -> set[str]:
    """Return the rows of which a test needs more seeds, as the last of the looks has not decided it."""
    reading = replace(study, read=set())
    finding, look = _last(test, reading, looks)
    return reading.read if finding.undecided in WANTS_SEEDS and look == looks[-1] else set()


def _last(test: Test, study: StoredStudy, looks: Sequence[Look]) -> tuple[ClaimFinding, Look]:
    """Return what a test finds, and at which look."""
    look, *later = looks
    finding = test(replace(study, seeds=look.seeds, level=look.level))
    for following in later:
        if finding.undecided not in WANTS_SEEDS:
            break
        found = test(replace(study, seeds=following.seeds, level=following.level))
        if found.undecided == "not run":
            break
        finding, look = found, following
    if look.seeds > 1:
        finding = msgspec.structs.replace(finding, measured=f"{finding.measured} ({several(look.seeds, 'seed')})")
    return finding, look
