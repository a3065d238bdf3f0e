"""Which row of a study is the best, if the seeds can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from ravine.spec import differing, settings_of
from ravine.statistics.means import mean
from ravine.storage.record import Result
from ravine.studies import Planned
from ravine.words import several

MOST_NAMED = 3
"""The largest number of rows that a sentence names one by one."""


@dataclass(frozen=True)
class Contender:
    """A row in words, and its test accuracies in the order of the seeds; None where a run has no result."""

    name: str
    accuracies: tuple[float | None, ...]

    def first(self, seeds: int) -> Contender:
        """Return the row with its first so many seeds."""
        return replace(self, accuracies=self.accuracies[:seeds])

    @property
    def found(self) -> list[float]:
        """The accuracies that there are."""
        return [accuracy for accuracy in self.accuracies if accuracy is not None]


def contenders(planned: Iterable[Planned], results: Mapping[str, Result], *, short: bool = False) -> list[Contender]:
    """Return the rows of planned runs, each named by its label, its optimizer and the settings in which rows differ.

    Two rows that are the same runs, in two groups, are one. Runs that never look at the test set are left out. A short
    name is the label alone, if there is one.
    """
    rows: dict[tuple[str, int], list[Planned]] = {}
    for run in planned:
        if run.spec.test_time != "never":
            rows.setdefault((run.group, run.row), []).append(run)
    by_runs: dict[tuple[str, ...], list[Planned]] = {}
    for row in rows.values():
        same = by_runs.setdefault(tuple(run.id for run in row), row)
        if row[0].label and not same[0].label:
            by_runs[tuple(run.id for run in row)] = row
    settings = [settings_of(row[0].spec) for row in by_runs.values()]
    names = differing(settings, always=("optimizer",))
    return [
        Contender(
            row[0].label if short and row[0].label else _named(row[0].label, names, own),
            tuple(_accuracy(results.get(run.id)) for run in row),
        )
        for row, own in zip(by_runs.values(), settings, strict=True)
    ]


def best_row(rows: Sequence[Contender], what: str, level: float = 0.05) -> str | None:
    """Say in one sentence which row has the highest mean test accuracy, or that it is undecided; None without rivals.

    A row is named the best only if the seeds tell it from every other row: with the same seed two rows have the same
    initial weights and the same order of the samples, and Student's 95 % interval of the mean difference, paired by
    seed, lies above 0 for each other row. One seed decides nothing, nor do rows some of whose runs have no result.

    The intervals are not widened for the number of rows, for two reasons. "Better than every other row" needs all of
    the tests to pass, so a further row makes it harder to be named, not easier (an intersection-union test). And the
    data choose the row that is tested, but that costs no more than the side of a two-sided interval: if two rows are
    equal, either may be named, each with a probability of 2.5 %. That is the worst case; with more equal rows it
    happens less often. So a row that is not better than all others is named in at most 5 of 100 studies.

    Source: Gutmann and Maymin, "Is the selected population the best?", Annals of Statistics 15 (1987), 456-461.

    >>> print(best_row([Contender("sgd", (0.97, 0.98)), Contender("adam", (0.96, 0.95))], "Best row"))
    Best row: undecided. sgd leads with test accuracy 97.50 ± 6.35 %, and 2 seeds do not tell it from adam.

    Args:
        rows: the rows, all with the same seeds.
        what: the first words of the sentence.
        level: the intervals have confidence 1 - level. With the level of a look at growing data (`ravine.report.looks`)
            they hold at all looks at once with 95 %.
    """
    measured = [row for row in rows if row.found]
    if len(rows) < 2 or not measured:
        return None
    leader = max(measured, key=lambda row: fmean(row.found))
    seeds, missing = len(leader.accuracies), sum(accuracy is None for row in rows for accuracy in row.accuracies)
    if missing or seeds == 1:
        highest = [row.name for row in measured if fmean(row.found) == fmean(leader.found)]
        why = f"{several(missing, 'run')} {'has' if missing == 1 else 'have'} no result yet"
        return (
            f"{what}: undecided. The highest test accuracy {'so far' if missing else 'in one seed'} is "
            f"{_percent(leader, level)}, of {_listed(highest)}; {why if missing else 'one seed does not decide'}."
        )
    close = [row.name for row in rows if row is not leader and not _above(leader, row, level)]
    if close:
        return (
            f"{what}: undecided. {leader.name} leads with test accuracy {_percent(leader, level)}, "
            f"and {several(seeds, 'seed')} do not tell it from {_listed(close)}."
        )
    return (
        f"{what}: {leader.name}, test accuracy {_percent(leader, level)}. For every other row the 95 % interval of the "
        "difference, paired by seed, lies above 0."
    )


def _above(row: Contender, other: Contender, level: float) -> bool:
    """Tell whether the interval of the mean difference lies above 0."""
    difference = mean([a - b for a, b in zip(row.found, other.found, strict=True)], level)
    return difference is not None and difference.half_width is not None and difference.value > difference.half_width


def _accuracy(result: Result | None) -> float | None:
    return None if result is None else result.test_accuracy


def _named(label: str, names: Sequence[str], settings: Mapping[str, str]) -> str:
    first, *others = names
    words = ", ".join([settings[first], *(f"{name} {settings[name]}" for name in others if name in settings)])
    return f"{label} ({words})" if label else words


def _percent(row: Contender, level: float) -> str:
    found = mean(row.found, level)
    assert found is not None
    spread = "" if found.half_width is None else f" ± {100 * found.half_width:.2f}"
    return f"{100 * found.value:.2f}{spread} %"


def _listed(names: Sequence[str]) -> str:
    """Name up to `MOST_NAMED` rows, and count the others."""
    if len(names) > MOST_NAMED:
        return f"{'; '.join(names[:MOST_NAMED])}; and {several(len(names) - MOST_NAMED, 'more row')}"
    *most, last = names
    return f"{'; '.join(most)}; and {last}" if most else last
