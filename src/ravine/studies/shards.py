"""Shards of a study: parts of about equal cost, for machines that do not talk to each other.

Every machine computes all shards from the settings of the runs alone, never from a measured time or from what is
stored. So each run is in exactly one shard, wherever and whenever the shards are trained.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ravine.data import DATASETS
from ravine.errors import ConfigError, shortened
from ravine.spec import ResolvedRun
from ravine.studies.plan import Planned
from ravine.training.data import require_catalog
from ravine.words import listed

_FORM = re.compile(r"(auto|[0-9]{1,9})/([0-9]{1,9})")

_SCHEDULERS = {
    "SLURM_ARRAY_TASK_ID": (1, "submit the array with --array=1-{count}"),
    "PBS_ARRAY_INDEX": (1, "submit the array with -J 1-{count}"),
    "LSB_JOBINDEX": (1, 'submit the array with -J "name[1-{count}]"'),
    "JOB_COMPLETION_INDEX": (0, "give the indexed job completions: {count}"),
}
"""By the variable in which a scheduler says which job this is: the number of the first job, and how to number them."""


@dataclass(frozen=True)
class Shard:
    """Which shard of a study: `index`, counted from 1, of `count`."""

    index: int
    count: int


def read_shard(text: str, environment: Mapping[str, str]) -> Shard:
    """Read a shard such as 3/64, or auto/64, whose index is that of the scheduler's job.

    >>> read_shard("3/64", {})
    Shard(index=3, count=64)
    >>> read_shard("auto/64", {"JOB_COMPLETION_INDEX": "0"})
    Shard(index=1, count=64)

    Args:
        text: the shard.
        environment: the variables of the environment, for auto.

    Raises:
        ConfigError: the text is no shard, or the variables do not say which it is.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ConfigError(f"the shard is {shortened(text)}; write it as 3/64, the third of 64, or as auto/64.")
    index, count = found.groups()
    if index == "auto":
        return _checked(_given_by_scheduler(int(count), environment), int(count))
    return _checked(int(index), int(count))


def shard_of(planned: Sequence[Planned], index: int, count: int) -> list[Planned]:
    """Return the runs of one shard, in the order in which they are planned; a run of two groups is there twice.

    The longest runs are dealt out first, each to the shard that has least to do; of equal runs that with the lower id,
    and of equal shards the first. A shard is empty if there are more shards than runs.

    Args:
        planned: all runs of the study. Each machine must give the same runs, in any order.
        index: the number of the shard, from 1 to `count`.
        count: the number of shards.

    Raises:
        ConfigError: there is no such shard, or the runs are on data that were given.
    """
    _checked(index, count)
    require_catalog((one.run for one in planned), "other machines")
    costs = {one.id: _cost(one.run) for one in planned}
    loads = [(0.0, number) for number in range(1, min(count, len(costs)) + 1)]
    own = set()
    for run in sorted(costs, key=lambda run: (-costs[run], run)):
        load, number = loads[0]
        heapq.heapreplace(loads, (load + costs[run], number))
        if number == index:
            own.add(run)
    return [one for one in planned if one.id in own]


def _checked(index: int, count: int) -> Shard:
    for number in (index, count):
        if isinstance(number, bool) or not isinstance(number, int):
            raise ConfigError(f"a shard is {shortened(number)}; its number and their count are whole numbers.")
    if count < 1:
        raise ConfigError(f"the number of shards is {count}; it must be 1 or more.")
    if not 1 <= index <= count:
        raise ConfigError(f"there is no shard {index} of {count}; shards are counted from 1 to {count}.")
    return Shard(index, count)


def _given_by_scheduler(count: int, environment: Mapping[str, str]) -> int:
    """Return the index that the variables of a scheduler give."""
    given = {name: environment[name] for name in _SCHEDULERS if environment.get(name)}
    if not given:
        raise ConfigError(
            f"shard auto/{count} needs the number of a job in {listed(_SCHEDULERS, 'or')}, and none of them is set; "
            f"give the number yourself, as 1/{count}."
        )
    indices = {}
    for name, value in given.items():
        first, mend = _SCHEDULERS[name]
        if re.fullmatch("[0-9]{1,9}", value) is None:
            raise ConfigError(f"{name} is {shortened(value)}, which is not the number of a job; give the shard itself.")
        indices[name] = int(value) - first + 1
        if not 1 <= indices[name] <= max(count, 1):
            numbers = f"the numbers {first} to {count + first - 1}"
            raise ConfigError(
                f"{name} is {value}; the jobs of {count} shards have {numbers}: {mend.format(count=count)}."
            )
    if len(set(indices.values())) > 1:
        values = listed(f"{name} is {value}" for name, value in given.items())
        raise ConfigError(f"{values}, which are different shards of {count}; give the number of the shard yourself.")
    return next(iter(indices.values()))


def _cost(run: ResolvedRun) -> float:
    """Return about how many microseconds a run takes on one core, from its settings alone.

    The numbers were measured on MNIST with networks of 25,000 and 276,000 weights, for batches of 1 to 1000. Shards
    need only the ratios of costs, and no machine may measure its own: it would come to other shards.
    """
    spec, formula = run.spec, run.optimizer.formula
    samples = DATASETS[spec.dataset].train_count - int(spec.validation)
    thousands = run.network.layout.size / 1000
    if spec.engine == "reference":
        sample, step = 0.04 * thousands, 180.0
    else:
        sample, step = 0.7 + 0.027 * thousands, 0.0
    if formula is None:  # products and decompositions of matrices
        step += 40 * thousands
    elif spec.engine == "reference":
        step += (2 + len(formula.slots)) * thousands
    else:
        skips = formula.inert or formula.lazy is not None  # the rows that have no gradient
        step += (0.02 if skips else 0.12) * (1 + len(formula.slots)) * thousands
    return spec.epochs * samples * (sample + step / spec.batch_size)
