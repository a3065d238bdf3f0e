"""The course of a comparison on one problem: stage after stage, each chosen by the results of those before.

It trains nothing. It yields the runs of a stage and takes the results of all runs so far, so that the same course is
followed by a comparison that trains, by one that was interrupted, and by one that only reads stored runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

from ravine.comparison.controls import contained, control_trials
from ravine.comparison.edges import Edge, beyond, edges, joined
from ravine.comparison.finals import final_count, pairs_of, spread_of, usual_spread
from ravine.comparison.plan import Protocol
from ravine.comparison.scores import Results, means, ranked, scores
from ravine.comparison.trials import (
    Entrant,
    Stage,
    Trial,
    at_point,
    at_settings,
    final_seed,
    first_number,
    tuned_before,
    tuning_seed,
)
from ravine.comparison.verdicts import Pair, judge
from ravine.search import Axis

ALIKE = 10
"""Contenders within so many margins of the winner tell the spread over seeds; far worse ones have another."""

Stages = Generator[list[Trial], Results, "Course"]


@dataclass
class Course:
    """What was run on one problem, and what was chosen.

    Attributes:
        trials: all runs, in the order of the stages.
        axes: by optimizer, the axes as they were searched in all stages.
        edges: by optimizer, the ends at which its best trials lie at the end of the search.
        winners: by optimizer, the trial that was chosen.
        spread: the standard deviation over seeds that the tuning showed; the usual one if it had one seed alone.
        finals: the number of final runs of each optimizer at the first look.
        pairs: the verdicts.
    """

    trials: list[Trial] = field(default_factory=list)
    axes: dict[str, dict[str, Axis]] = field(default_factory=dict)
    edges: dict[str, list[Edge]] = field(default_factory=dict)
    winners: dict[str, Trial] = field(default_factory=dict)
    spread: float = 0.0
    finals: int = 0
    pairs: list[Pair] = field(default_factory=list)

    def of(self, optimizer: str, *stages: str) -> list[Trial]:
        """Return the runs of an optimizer in some stages."""
        return [trial for trial in self.trials if trial.optimizer == optimizer and trial.stage in stages]


def course(entrants: Sequence[Entrant], protocol: Protocol, time_is_up: Callable[[], bool] = lambda: False) -> Stages:
    """Follow the protocol on one problem, which all entrants share.

    `time_is_up` is asked between two looks at the finals; the error rate does not depend on when it ends them.
    """
    done = Course(axes={entrant.label: dict(entrant.entry.space) for entrant in entrants})
    objective = protocol.objective
    searching = [entrant for entrant in entrants if not entrant.entry.tuned]
    for entrant in entrants:
        if entrant.entry.tuned:
            done.edges[entrant.label] = []
            done.winners[entrant.label] = tuned_before(entrant, protocol)

    search = [
        at_point(entrant, done.axes[entrant.label], number, protocol, "search")
        for entrant in searching
        for number in range(protocol.trials)
    ]
    defaults = [trial for entrant in searching for trial in _defaults(entrant, protocol)]
    results = yield from _stage(done, search + defaults)

    for extension in range(protocol.extensions + 1):
        for entrant in searching:
            best = ranked(done.of(entrant.label, "search", "extension"), results, objective)
            done.edges[entrant.label] = edges(best, done.axes[entrant.label], entrant.entry)
        if extension == protocol.extensions or not any(done.edges.values()):
            break
        results = yield from _stage(done, _extension(searching, done, extension, protocol))

    contenders = {
        entrant.label: ranked(done.of(entrant.label, "search", "extension"), results, objective)[: protocol.contenders]
        for entrant in searching
    }
    further = [_with_seeds(entrant, contenders[entrant.label], protocol) for entrant in searching]
    results = yield from _stage(done, list(itertools.chain(*further)))
    groups: list[list[float]] = []
    leader: tuple[float, str] | None = None
    for entrant in searching:
        found = [*contenders[entrant.label], *done.of(entrant.label, "seeds")]
        mean = means(found, results, objective)
        winner = max(mean, key=lambda number: mean[number])
        done.winners[entrant.label] = next(trial for trial in found if trial.number == winner)
        if leader is None or mean[winner] > leader[0]:
            leader = mean[winner], entrant.label
        groups += [
            scores([t for t in found if t.number == number], results, objective)
            for number in mean
            if mean[number] >= mean[winner] - ALIKE * protocol.margin
        ]

    controls = [
        (entrant, control_trials(entrant, other, done.winners[other.label].settings, protocol))
        for entrant, other in contained(entrants)
    ]
    results = yield from _stage(done, [trial for _, trials in controls for trial in trials])
    best_controls = [(entrant, ranked(trials, results, objective)[:1]) for entrant, trials in controls]
    more = [trial for entrant, best in best_controls for trial in _with_seeds(entrant, best, protocol, "control")]
    results = yield from _stage(done, more)

    spread = spread_of(groups)
    done.spread = usual_spread(protocol) if spread is None else spread
    entries = [entrant.entry for entrant in entrants]
    pairs = pairs_of(entries, protocol, leader and leader[1])
    done.finals = final_count(protocol, len(pairs), done.spread)
    undecided = {entrant.label for entrant in entrants}
    first = first_number(entries)
    for look in range(1, protocol.looks + 1):
        numbers = range(first + (look - 1) * done.finals, first + look * done.finals)
        taking_part = [entrant for entrant in entrants if entrant.label in undecided]
        results = yield from _stage(done, _finals(taking_part, done.winners, numbers, protocol))
        values = {entrant.label: scores(done.of(entrant.label, "final"), results, objective) for entrant in entrants}
        done.pairs = judge(values, done.pairs, protocol, look, pairs)
        undecided = {label for pair in done.pairs if pair.verdict == "undecided" for label in (pair.a, pair.b)}
        if not undecided or time_is_up():
            break
    return done


def _stage(done: Course, trials: list[Trial]) -> Generator[list[Trial], Results, Results]:
    done.trials += trials
    return (yield trials)


def _defaults(entrant: Entrant, protocol: Protocol) -> list[Trial]:
    """Return the runs at the optimizer's defaults, one a tuning seed; none if it has no default rate."""
    lr = entrant.optimizer.defaults["lr"]
    if lr is None:
        return []
    return [
        Trial(
            entrant.problem.name,
            entrant.label,
            "default",
            0,
            {"lr": lr},
            entrant.run({"lr": lr}, tuning_seed(protocol, number), final=False),
        )
        for number in range(protocol.tuning_seeds)
    ]


def _extension(entrants: Sequence[Entrant], done: Course, extension: int, protocol: Protocol) -> list[Trial]:
    """Return as many further trials for every optimizer, beyond the edges of those that have some."""
    first = protocol.trials * (extension + 1)
    trials = []
    for entrant in entrants:
        axes = done.axes[entrant.label]
        further = beyond(axes, done.edges[entrant.label], entrant.entry)
        done.axes[entrant.label] = joined(axes, further)
        numbers = range(first, first + protocol.trials)
        trials += [at_point(entrant, further, number, protocol, "extension") for number in numbers]
    return trials


def _with_seeds(entrant: Entrant, trials: Sequence[Trial], protocol: Protocol, stage: Stage = "seeds") -> list[Trial]:
    """Return the runs of some trials with the further seeds of the tuning."""
    seeds = [tuning_seed(protocol, number) for number in range(1, protocol.tuning_seeds)]
    return [at_settings(entrant, trial, seed, stage) for trial in trials for seed in seeds]


def _finals(
    entrants: Sequence[Entrant], winners: Mapping[str, Trial], numbers: range, protocol: Protocol
) -> list[Trial]:
    return [
        at_settings(entrant, winners[entrant.label], final_seed(protocol, number), "final", final=True)
        for entrant in entrants
        for number in numbers
    ]
