"""Compare optimizers fairly: `ravine compare` in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from ravine.comparison.against import plan_against
from ravine.comparison.compare import Interrupted, Watching, compare_prepared
from ravine.comparison.comparison import Comparison
from ravine.comparison.defaults import DEFAULT_PROBLEM, LOOKS, protocol_of
from ravine.comparison.plan import Protocol, Variant
from ravine.comparison.planning import Spaces, make_plan
from ravine.comparison.prepare import prepare
from ravine.errors import ConfigError
from ravine.formulas.optimizer import Optimizer
from ravine.inputs import plain, seconds_of
from ravine.spec.problem import Problem
from ravine.studies.runners import Runner, runner_of


def compare(
    optimizers: Sequence[str | Optimizer | Variant],
    *,
    against: str | None = None,
    problem: str | Problem | Sequence[str | Problem] | None = None,
    schedule: str | Sequence[str] = (),
    batch_size: int | Sequence[int] = (),
    search: Spaces = MappingProxyType({}),
    objective: str = "accuracy",
    trials: int = 16,
    contenders: int = 3,
    tuning_seeds: int = 3,
    extensions: int = 1,
    controls: int = 4,
    margin: float | None = None,
    level: float = 0.05,
    power: float = 0.8,
    finals: int | None = None,
    most_finals: int = 32,
    pairs: str = "all",
    until_decided: bool = False,
    seed: int = 0,
    budget: float | str | None = None,
    at_most: float | str | None = None,
    runs: Path | str | None = None,
    data_dir: Path | str | None = None,
    jobs: int | None = None,
    client: Any = None,
    runner: Runner | None = None,
    quiet: bool = False,
    watching: Watching = lambda trials: nullcontext(),
) -> Comparison:
    """Tune each optimizer with the same budget, run each winner with fresh seeds, and judge every pair.

    The protocol is that of `ravine compare`, which docs/comparison.md explains: a search of equal size for each on a
    validation split, further seeds for the best, final runs with fresh seeds on the whole training set, whose test set
    is looked at once, and one test for each pair after Holm's correction. Runs that are stored are not trained again.

    Args:
        optimizers: two or more: names, files as "my_rule.py:my_rule", optimizers of your own, or a `ravine.Variant` of
            one with settings of its own, such as a schedule. Against the atlas one suffices.
        against: "atlas", or some of its optimizers, as "atlas:adam,sgd": optimizers that ravine has tuned already stand
            beside those that are given, which get searches of the same size. The atlas decides the schedule, the batch
            size, the objective and the numbers of the search; numbers at their defaults are those of the atlas.
        problem: one or more problems: names that `ravine compare --help` lists, files, or `Problem` values;
            "mnist-mlp" if None, and against the atlas all of its problems.
        schedule: forms of the schedule, "constant", "linear" and "cosine"; several are an axis of every search.
        batch_size: replaces that of the problem; several are an axis of every search.
        search: by optimizer, axes in place of its own, as {"momentum": {"alpha": ravine.search.linear(0, 0.9)}}.
        objective: "accuracy" or "loss", at the end of the training.
        trials: points of each search, a power of two.
        contenders, tuning_seeds: how many of the best trials are repeated, and over how many seeds in all.
        extensions: how often a search goes on beyond a range at whose edge the best trials lie.
        controls: trials near each optimizer that another one contains.
        margin: the difference that matters; 0.002, which is 0.2 points, for an accuracy, and 0.01 for a loss.
        level, power: the error rate of the verdicts on one problem, and how surely twice the margin is found.
        finals, most_finals: final runs of each, or the most that the power may ask for.
        pairs: "all" pairs are judged, or each optimizer beside the "best" one of the tuning, for many optimizers.
        until_decided: add final runs where a pair is undecided, in up to 5 looks that together keep the error rate.
        seed: draws the points, and moves the seeds of all runs.
        budget: seconds, or a time as "15m"; the number of trials is the largest that fits, as timed before the
            first run.
        at_most: seconds, or a time as "1h", after which no further look begins.
        runs: folder of runs; `RAVINE_HOME` or `runs` if None.
        data_dir, quiet: a folder with the data, and whether to draw no bar for a download.
        jobs: runs at once on the threads of this process; as many as there are cores if None.
        client: a `distributed.Client`, to run on the workers of its Dask cluster instead.
        runner: a place to run of your own instead; see `ravine.studies.runners`.
        watching: a function that takes the runs of a stage, and returns a context manager with a watcher.

    Raises:
        ConfigError, DataError, DownloadError, StorageError: with one clear sentence each.
        FailedRuns: an optimizer of yours failed.
        KeyboardInterrupt: Ctrl-C; the same call goes on.
    """
    place = runner_of(jobs, client, runner, data_dir)
    numbers = {
        "objective": objective,
        "trials": trials,
        "contenders": contenders,
        "tuning_seeds": tuning_seeds,
        "extensions": extensions,
        "controls": controls,
        "margin": margin,
        "level": level,
        "power": power,
        "finals": finals,
        "most_finals": most_finals,
        "pairs": pairs,
        "looks": LOOKS if until_decided else 1,
        "seed": seed,
    }
    longest = None if at_most is None else seconds_of("at_most", at_most)
    if longest is not None and not until_decided:
        raise ConfigError("at_most ends a comparison between looks: give until_decided=True too.")
    schedules, sizes = _listed(schedule), _listed(batch_size)
    if against is None:
        plan, found = make_plan(
            _listed(optimizers),
            _listed(DEFAULT_PROBLEM if problem is None else problem),
            protocol_of(**numbers),
            schedules=schedules,
            batch_sizes=sizes,
            spaces=search,
        )
    else:
        decided = {"schedule": schedules, "batch_size": sizes, "budget": budget}
        plan, found = plan_against(
            against,
            _listed(optimizers),
            None if problem is None else _listed(problem),
            {**_chosen(numbers), **{name: value for name, value in decided.items() if value not in (None, [])}},
            search,
        )
    prepared = prepare(plan, found, budget=budget, runs=runs, data_dir=data_dir, runner=place, quiet=quiet)
    try:
        return compare_prepared(prepared, watching, at_most=longest)
    except Interrupted as stop:
        raise KeyboardInterrupt(str(stop)) from None


def _chosen(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a protocol that are not at their defaults."""
    usual = {**msgspec.structs.asdict(Protocol()), "margin": None}
    return {name: value for name, value in numbers.items() if plain(value) != usual[name]}


def _listed(given: Any) -> list[Any]:
    values = plain(given)
    return list(values) if isinstance(values, (list, tuple)) else [values]
