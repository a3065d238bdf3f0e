"""What a comparison costs: how many runs, and how long they take on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from ravine.comparison.controls import contained
from ravine.comparison.finals import final_count, pairs_of, usual_spread
from ravine.comparison.plan import Plan, Protocol
from ravine.comparison.points import MOST_TRIALS, SMALLEST
from ravine.comparison.trials import Entrant, at_point
from ravine.data import Dataset
from ravine.errors import ConfigError
from ravine.studies.estimate import run_seconds
from ravine.words import duration


@dataclass(frozen=True)
class Cost:
    """What a comparison costs at most, if no range is extended.

    Attributes:
        runs: all of them.
        tuning, finals: the runs of both parts; that of the finals is what the usual spread over seeds leads to.
        seconds: by problem and optimizer, how long one run takes on one core.
        wall: how long all of them take, `jobs` at a time.
    """

    runs: int
    tuning: int
    finals: int
    seconds: Mapping[tuple[str, str], float]
    wall: float


def seconds_of(
    entrants: Mapping[str, Sequence[Entrant]], protocol: Protocol, load_data: Callable[[str], Dataset]
) -> dict[tuple[str, str], float]:
    """Time some steps of each optimizer on each problem, and return how long a run of it takes on one core."""
    found = {}
    for own in entrants.values():
        for entrant in own:
            trial = at_point(entrant, entrant.entry.space, 0, protocol, "search")
            found[entrant.problem.name, entrant.label] = run_seconds(trial.run, load_data)
    return found


def cost_of(
    entrants: Mapping[str, Sequence[Entrant]], protocol: Protocol, seconds: Mapping[tuple[str, str], float], jobs: int
) -> Cost:
    """Return what a comparison costs, from the seconds of one run of each optimizer on each problem."""
    further = protocol.tuning_seeds - 1
    spread = usual_spread(protocol)
    tuning = finals = 0
    spent = 0.0
    for own in entrants.values():
        last = final_count(protocol, len(pairs_of([entrant.entry for entrant in own], protocol)), spread)
        near = [entrant.label for entrant, _ in contained(own)]
        for entrant in own:
            default = protocol.tuning_seeds if entrant.optimizer.defaults["lr"] is not None else 0
            controls = near.count(entrant.label) * (protocol.controls + (further if protocol.controls else 0))
            searched = protocol.trials + protocol.contenders * further + default
            tuned = controls + (0 if entrant.entry.tuned else searched)
            tuning, finals = tuning + tuned, finals + last
            spent += seconds[entrant.problem.name, entrant.label] * (tuned + last)
    return Cost(tuning + finals, tuning, finals, seconds, spent / jobs)


def within_budget(
    plan: Plan,
    entrants: Mapping[str, Sequence[Entrant]],
    seconds: Mapping[tuple[str, str], float],
    jobs: int,
    budget: float,
) -> Plan:
    """Return the plan with the largest number of trials, a power of two, that fits a time in seconds.

    Raises:
        ConfigError: not even the smallest search fits.
    """
    most = MOST_TRIALS // (plan.protocol.extensions + 1)
    least = max(SMALLEST, plan.protocol.contenders)
    sizes = [2**k for k in range(most.bit_length()) if least <= 2**k <= most]
    for trials in reversed(sizes):
        protocol = msgspec.structs.replace(plan.protocol, trials=trials)
        cost = cost_of(entrants, protocol, seconds, jobs)
        if cost.wall <= budget:
            return msgspec.structs.replace(plan, protocol=protocol)
    raise ConfigError(
        f"{duration(budget)} is too short: with {sizes[0]} trials for each optimizer the comparison takes about "
        f"{duration(cost.wall)} here. Give more time, fewer optimizers or problems, or a smaller problem."
    )
